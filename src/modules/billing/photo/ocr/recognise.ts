import type { Raster } from './geometry.ts'

// Reading one line: a row of likelihoods over the dictionary, decoded as connectionist temporal classification does.

export const LINE_HEIGHT_PX = 48
const LINE_WIDTH_MIN_PX = 48
/** A line ten times as long as a sheet is wide in letters is no line. */
const LINE_WIDTH_MAX_PX = 2_400

export interface Reading {
  readonly text: string
  /** For each character the one that came second, a space where none did. */
  readonly others: string
  /** Of each character, 0 to 1. */
  readonly chars: readonly number[]
}

export const lineWidth = (ratio: number): number =>
  Math.min(Math.max(Math.ceil((LINE_HEIGHT_PX * ratio) / 8) * 8, LINE_WIDTH_MIN_PX), LINE_WIDTH_MAX_PX)

/** Pixels as the model takes them, blue first, between -1 and 1. */
export function toReaderInput({ width, height, data }: Raster): Float32Array {
  const plane = width * height
  const out = new Float32Array(plane * 3)
  for (let i = 0; i < plane; i++) {
    out[i] = data[i * 3 + 2]! / 127.5 - 1
    out[plane + i] = data[i * 3 + 1]! / 127.5 - 1
    out[2 * plane + i] = data[i * 3]! / 127.5 - 1
  }
  return out
}

/** Class 0 means nothing, repeats are one character, the class after the dictionary is a space. */
export function decode(likelihoods: Float32Array, classes: number, dictionary: readonly string[]): Reading {
  const charOf = (c: number): string => dictionary[c - 1] ?? ' '
  let [text, others] = ['', '']
  const chars: number[] = []
  let before = 0
  for (let at = 0; at < likelihoods.length; at += classes) {
    let [best, second] = [0, 0]
    for (let c = 1; c < classes; c++)
      if (likelihoods[at + c]! > likelihoods[at + best]!) [second, best] = [best, c]
      else if (second === 0 || likelihoods[at + c]! > likelihoods[at + second]!) second = c
    if (best !== 0 && best !== before) {
      const char = charOf(best)
      text += char
      others += second === 0 || charOf(second).length !== char.length ? ' '.repeat(char.length) : charOf(second)
      for (let i = 0; i < char.length; i++) chars.push(likelihoods[at + best]!)
    }
    before = best
  }
  return { text, others, chars }
}
