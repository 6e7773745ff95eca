import sharp from 'sharp'
import type { Random } from '../src/kernel/random.ts'

// A telephone held over a bill by hand: turned, tilted, folded paper, uneven light, out of focus, noisy, compressed.

const SIDES_PX = [1_050, 1_400, 2_000, 2_800, 3_400] as const
const TURNED_SHARE = 0.15
const SHAKEN_SHARE = 0.25
const SHADOW_SHARE = 0.4
const FOLDS_MAX = 3
/** Table to be seen around the paper, as a share of the side. */
const MARGIN = 0.06

type Pixels = { readonly width: number; readonly height: number; readonly data: Uint8Array }
type Pair = readonly [number, number]

const between = (random: Random, low: number, high: number): number => low + random.float() * (high - low)

/** Fast chance for the grain of millions of pixels, begun once from the seed (xorshift32). */
function grain(random: Random): () => number {
  let state = random.int(2 ** 31) + 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** Where a point of the picture lies on the paper, both in shares of their sides, for paper with the given corners (Heckbert, 1989). */
function paperAt(corners: readonly [Pair, Pair, Pair, Pair]): (x: number, y: number) => [number, number] {
  const [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = corners
  const [dx1, dx2, dx3] = [x1 - x2, x3 - x2, x0 - x1 + x2 - x3]
  const [dy1, dy2, dy3] = [y1 - y2, y3 - y2, y0 - y1 + y2 - y3]
  const whole = dx1 * dy2 - dx2 * dy1
  const [g, h] = [(dx3 * dy2 - dx2 * dy3) / whole, (dx1 * dy3 - dx3 * dy1) / whole]
  const [a, b, c] = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0]
  const [d, e, f] = [y1 - y0 + g * y1, y3 - y0 + h * y3, y0]
  return (x, y) => {
    const k = (d * h - e * g) * x + (b * g - a * h) * y + (a * e - b * d)
    return [((e - f * h) * x + (c * h - b) * y + (b * f - c * e)) / k, ((f * g - d) * x + (a - c * g) * y + (c * d - a * f)) / k]
  }
}

interface Fold {
  /** Across the paper at this share of a side, upright or lying. */
  readonly at: number
  readonly isUpright: boolean
  /** How much what lies behind it leans aside. */
  readonly lean: number
  readonly depth: number
}

interface Light {
  readonly warmth: readonly [number, number, number]
  readonly across: number
  readonly down: number
  readonly level: number
  /** A hand between lamp and paper: a soft edge. */
  readonly shadow?: { readonly angle: number; readonly at: number; readonly soft: number; readonly depth: number }
}

const foldsOf = (random: Random): Fold[] =>
  Array.from({ length: random.int(FOLDS_MAX + 1) }, () => ({
    at: between(random, 0.2, 0.8),
    isUpright: random.float() < 0.4,
    lean: between(random, -0.02, 0.02),
    depth: between(random, 0.08, 0.3),
  }))

const lightOf = (random: Random): Light => ({
  warmth: [between(random, 0.92, 1.04), between(random, 0.94, 1), between(random, 0.78, 1)],
  across: between(random, -0.4, 0.4),
  down: between(random, -0.4, 0.4),
  level: between(random, 0.45, 1),
  ...(random.float() < SHADOW_SHARE && {
    shadow: {
      angle: between(random, 0, 6.3),
      at: between(random, -0.2, 0.2),
      soft: between(random, 0.02, 0.12),
      depth: between(random, 0.25, 0.5),
    },
  }),
})

function lightAt(light: Light, x: number, y: number): number {
  let value = light.level * (1 + light.across * (x - 0.5) + light.down * (y - 0.5))
  const { shadow } = light
  if (shadow) {
    const distance = Math.cos(shadow.angle) * (x - 0.5) + Math.sin(shadow.angle) * (y - 0.5) - shadow.at
    value *= 1 - shadow.depth / (1 + Math.exp(-distance / shadow.soft))
  }
  return value
}

/** Corners of the paper in the picture, in shares of its sides: tilted, and turned by hand a few degrees. */
function cornersOf(random: Random, aspect: number): readonly [Pair, Pair, Pair, Pair] {
  const angle = (between(random, -8, 8) * Math.PI) / 180
  const tilt = () => between(random, 0, 0.08)
  const [low, high] = [MARGIN, 1 - MARGIN]
  const flat: [number, number][] = [
    [low + tilt(), low + tilt()],
    [high - tilt(), low + tilt()],
    [high - tilt(), high - tilt()],
    [low + tilt(), high - tilt()],
  ]
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  return flat.map(([x, y]) => {
    const [u, v] = [(x - 0.5) * aspect, y - 0.5]
    return [(u * cos - v * sin) / aspect / 1.08 + 0.5, (u * sin + v * cos) / 1.08 + 0.5] as const
  }) as unknown as [Pair, Pair, Pair, Pair]
}

/** The paper as the lens sees it: where each pixel comes from, and how much light falls there. */
function expose(paper: Pixels, width: number, height: number, random: Random): Buffer {
  const toPaper = paperAt(cornersOf(random, width / height))
  const [folds, light, chance] = [foldsOf(random), lightOf(random), grain(random)]
  const [bend, phase] = [between(random, 0, 0.004), between(random, 0, 6.3)]
  const noise = between(random, 2, 14)
  const table = [between(random, 40, 150), between(random, 40, 130), between(random, 30, 120)]
  const out = Buffer.alloc(width * height * 3)
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const [x, y] = [(column + 0.5) / width, (row + 0.5) / height]
      let [u, v] = toPaper(x, y)
      let shade = lightAt(light, x, y)
      v += bend * Math.sin(u * 5 + phase)
      for (const fold of folds) {
        const off = (fold.isUpright ? u : v) - fold.at
        if (off > 0 && fold.isUpright) v += fold.lean * off
        else if (off > 0) u += fold.lean * off
        shade *= 1 + Math.sign(off) * fold.depth * Math.exp(-Math.abs(off) * 60) - (fold.depth * 0.6) / (1 + (off * 700) ** 2)
      }
      const isPaper = u >= 0 && u < 1 && v >= 0 && v < 1
      const at = (row * width + column) * 3
      const speck = (chance() + chance() - 1) * noise * 2
      for (let c = 0; c < 3; c++) {
        const value = isPaper ? sample(paper, u, v, c) : table[c]! * (0.85 + 0.15 * Math.sin(x * 90 + Math.sin(y * 13)))
        out[at + c] = Math.min(255, Math.max(0, value * shade * light.warmth[c]! + speck))
      }
    }
  return out
}

function sample({ width, height, data }: Pixels, u: number, v: number, c: number): number {
  const [x, y] = [Math.min(u * width, width - 1.01), Math.min(v * height, height - 1.01)]
  const [x0, y0] = [Math.floor(x), Math.floor(y)]
  const [fx, fy] = [x - x0, y - y0]
  const at = (y0 * width + x0) * 3 + c
  const above = data[at]! * (1 - fx) + data[at + 3]! * fx
  const below = data[at + width * 3]! * (1 - fx) + data[at + width * 3 + 3]! * fx
  return above * (1 - fy) + below * fy
}

/** A moved hand: every point drawn out along one direction. */
function shaken(random: Random, side: number): { width: number; height: number; kernel: number[] } {
  const reach = Math.max(1, Math.round((side / 2_000) * between(random, 1, 4)))
  const size = 2 * reach + 1
  const angle = between(random, 0, Math.PI)
  const kernel = Array.from({ length: size * size }, () => 0)
  for (let i = -reach; i <= reach; i++) {
    const at = (Math.round(Math.sin(angle) * i) + reach) * size + Math.round(Math.cos(angle) * i) + reach
    kernel[at]! += 1
  }
  return { width: size, height: size, kernel }
}

/** Photographs a printed bill; the same chance gives the same picture. */
export async function photograph(print: Buffer, random: Random): Promise<Buffer> {
  const { data, info } = await sharp(print).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const side = SIDES_PX[random.int(SIDES_PX.length)]!
  const scale = side / (Math.max(info.width, info.height) * 1.1)
  const [width, height] = [Math.round(info.width * scale * 1.1), Math.round(info.height * scale * 1.1)]
  // Shrunk first where it has to be: a lens does not skip pixels.
  const paper = scale < 1 ? await shrink({ ...info, data }, scale) : { width: info.width, height: info.height, data }
  const raw = { width, height, channels: 3 as const }
  let picture = sharp(expose(paper, width, height, random), { raw }).blur(Math.max(0.3, between(random, 0.4, 2.4) * (side / 2_000)))
  if (random.float() < SHAKEN_SHARE) picture = sharp(await picture.raw().toBuffer(), { raw }).convolve(shaken(random, side))
  const turn = random.float() < TURNED_SHARE ? [90, 180, 270][random.int(3)]! : 0
  const quality = Math.round(between(random, 38, 88))
  const still = await picture.raw().toBuffer()
  return sharp(still, { raw }).rotate(turn).jpeg({ quality }).toBuffer()
}

async function shrink({ width, height, data }: Pixels, scale: number): Promise<Pixels> {
  const { data: small, info } = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(Math.round(width * scale), Math.round(height * scale))
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: small }
}
