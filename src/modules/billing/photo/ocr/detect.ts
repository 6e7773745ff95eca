import { hullOf, type Point, type Raster, type Slant, smallestRectangle } from './geometry.ts'

// Finding lines of text: differentiable binarisation (Liao and others, 2020) as PP-OCR was trained for it.

const MEAN = [0.485, 0.456, 0.406] as const
const DEVIATION = [0.229, 0.224, 0.225] as const
/** A pixel is text from here on; a region is a line when its pixels are so on average. */
const PIXEL_MIN = 0.3
const REGION_MIN = 0.55
/** The model is trained on regions shrunk towards their middle; this much of area over perimeter brings them back. */
const GROW = 1.7
const SIDE_MIN_PX = 4
const PIXELS_MIN = 12
/** A sheet full of small print has fewer. */
const LINES_MAX = 400

export interface Region extends Slant {
  readonly score: number
}

/** Pixels as the model takes them: blue first, planes one after the other, even distances from the mean. */
export function toDetectorInput({ width, height, data }: Raster): Float32Array {
  const plane = width * height
  const out = new Float32Array(plane * 3)
  for (let c = 0; c < 3; c++) {
    const [scale, shift] = [1 / 255 / DEVIATION[c]!, MEAN[c]! / DEVIATION[c]!]
    for (let i = 0; i < plane; i++) out[c * plane + i] = data[i * 3 + 2 - c]! * scale - shift
  }
  return out
}

/** Lines of text in a map of likelihoods, in its own pixels, best first. */
export function findRegions(map: Float32Array, width: number, height: number): Region[] {
  const seen = new Uint8Array(width * height)
  const stack = new Int32Array(width * height)
  const out: Region[] = []
  for (let start = 0; start < map.length; start++) {
    if (seen[start] || map[start]! <= PIXEL_MIN) continue
    const region = fill(start, map, width, height, seen, stack)
    if (region) out.push(region)
  }
  return out.sort((a, b) => b.score * b.width - a.score * a.width).slice(0, LINES_MAX)
}

/** The region around a pixel; undefined when it is too small or too faint for a line. */
function fill(start: number, map: Float32Array, width: number, height: number, seen: Uint8Array, stack: Int32Array): Region | undefined {
  // The ends of each row are all the hull needs.
  const rows = new Map<number, [left: number, right: number]>()
  let [size, sum, top] = [0, 0, 0]
  stack[top++] = start
  seen[start] = 1
  while (top > 0) {
    const at = stack[--top]!
    const [x, y] = [at % width, Math.floor(at / width)]
    size++
    sum += map[at]!
    const ends = rows.get(y)
    if (!ends) rows.set(y, [x, x])
    else if (x < ends[0]) ends[0] = x
    else if (x > ends[1]) ends[1] = x
    for (let dy = y > 0 ? -1 : 0; dy <= (y < height - 1 ? 1 : 0); dy++)
      for (let dx = x > 0 ? -1 : 0; dx <= (x < width - 1 ? 1 : 0); dx++) {
        const next = at + dy * width + dx
        if (seen[next] || map[next]! <= PIXEL_MIN) continue
        seen[next] = 1
        stack[top++] = next
      }
  }
  const score = sum / size
  if (size < PIXELS_MIN || score < REGION_MIN) return undefined
  const corners: Point[] = [...rows].flatMap(([y, [left, right]]) => [
    { x: left, y },
    { x: right + 1, y },
    { x: left, y: y + 1 },
    { x: right + 1, y: y + 1 },
  ])
  const box = smallestRectangle(hullOf(corners))
  if (box.height < SIDE_MIN_PX) return undefined
  const grow = (box.width * box.height * GROW) / (2 * (box.width + box.height))
  return { ...box, width: box.width + 2 * grow, height: box.height + 2 * grow, score }
}
