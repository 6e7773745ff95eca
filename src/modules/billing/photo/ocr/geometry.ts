export interface Point {
  readonly x: number
  readonly y: number
}

/** A rectangle at an angle; `angle` in radians is that of its long side (`width` >= `height`), within half a turn. */
export interface Slant {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly angle: number
}

/** A picture in memory: red, green, blue, one byte each, row by row. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Convex hull by Andrew's monotone chain, counter-clockwise. */
export function hullOf(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  if (sorted.length < 3) return sorted
  const half = (list: readonly Point[]): Point[] => {
    const out: Point[] = []
    for (const p of list) {
      while (out.length >= 2 && cross(out.at(-2)!, out.at(-1)!, p) <= 0) out.pop()
      out.push(p)
    }
    out.pop()
    return out
  }
  return [...half(sorted), ...half(sorted.reverse())]
}

const cross = (o: Point, a: Point, b: Point): number => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x)

/** The smallest rectangle around a hull: one of its sides lies on a side of the hull. */
export function smallestRectangle(hull: readonly Point[]): Slant {
  let best: Slant | undefined
  for (let i = 0; i < hull.length; i++) {
    const [a, b] = [hull[i]!, hull[(i + 1) % hull.length]!]
    const angle = Math.atan2(b.y - a.y, b.x - a.x)
    const box = rectangleAt(hull, angle)
    if (!best || box.width * box.height < best.width * best.height) best = box
  }
  return best ?? { x: 0, y: 0, width: 0, height: 0, angle: 0 }
}

/** The rectangle around points whose sides have the given direction; its long side gives the angle. */
function rectangleAt(points: readonly Point[], angle: number): Slant {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const { x, y } of points) {
    const [u, v] = [x * cos + y * sin, y * cos - x * sin]
    left = Math.min(left, u)
    right = Math.max(right, u)
    top = Math.min(top, v)
    bottom = Math.max(bottom, v)
  }
  const [u, v] = [(left + right) / 2, (top + bottom) / 2]
  const [width, height] = [right - left, bottom - top]
  const centre = { x: u * cos - v * sin, y: u * sin + v * cos }
  return width >= height
    ? { ...centre, width, height, angle: halfTurn(angle) }
    : { ...centre, width: height, height: width, angle: halfTurn(angle + Math.PI / 2) }
}

/** The same line's direction within -90° to 90°. */
const halfTurn = (angle: number): number => angle - Math.PI * Math.round(angle / Math.PI)

/** Direction most text runs in, up to half a turn: each line counts by its length. */
export function mainDirection(boxes: readonly Slant[]): number {
  let [cos, sin] = [0, 0]
  for (const box of boxes) {
    // Doubled, both directions of a line are one; a square says nothing about its own.
    const weight = box.width - box.height
    cos += weight * Math.cos(2 * box.angle)
    sin += weight * Math.sin(2 * box.angle)
  }
  return Math.atan2(sin, cos) / 2
}

/** Turns a box so that text in it reads along `direction`; one that is nearly square or stands across takes it exactly. */
export function alignTo(box: Slant, direction: number): Slant {
  const off = halfTurn(box.angle - direction)
  if (Math.abs(off) < Math.PI / 6 && box.width > box.height * 1.5) return { ...box, angle: direction + off }
  const turned = Math.abs(off) > Math.PI / 4
  return {
    x: box.x,
    y: box.y,
    width: turned ? box.height : box.width,
    height: turned ? box.width : box.height,
    angle: direction + (turned ? halfTurn(off - (Math.PI / 2) * Math.sign(off)) : off),
  }
}

/** Cuts a slanted rectangle out, upright and `height` pixels high, between the pixels by their shares. */
export function cutOut(picture: Raster, box: Slant, height: number, width: number): Raster {
  const out = new Uint8Array(width * height * 3)
  const [cos, sin] = [Math.cos(box.angle), Math.sin(box.angle)]
  const [stepX, stepY] = [box.width / width, box.height / height]
  const { width: w, height: h, data } = picture
  for (let row = 0; row < height; row++) {
    const v = (row + 0.5) * stepY - box.height / 2
    for (let column = 0; column < width; column++) {
      const u = (column + 0.5) * stepX - box.width / 2
      const x = Math.min(Math.max(box.x + u * cos - v * sin - 0.5, 0), w - 1.001)
      const y = Math.min(Math.max(box.y + u * sin + v * cos - 0.5, 0), h - 1.001)
      const [x0, y0] = [Math.floor(x), Math.floor(y)]
      const [fx, fy] = [x - x0, y - y0]
      const at = (y0 * w + x0) * 3
      for (let c = 0; c < 3; c++) {
        const above = data[at + c]! * (1 - fx) + data[at + 3 + c]! * fx
        const below = data[at + w * 3 + c]! * (1 - fx) + data[at + w * 3 + 3 + c]! * fx
        out[(row * width + column) * 3 + c] = above * (1 - fy) + below * fy
      }
    }
  }
  return { width, height, data: out }
}
