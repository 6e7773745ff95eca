/** One line of print as the worker read it; `x`, `y` is its middle on the page held upright. */
export interface ReadLine {
  readonly text: string
  /** For each character the one that came second, a space where none did. */
  readonly others: string
  /** Certainty of each character, 0 to 1. */
  readonly chars: readonly number[]
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** How much it falls to the right of it: near the edges of a tilted page lines are not parallel. */
  readonly slope: number
}

/** A line in the form fields are looked for in: full-width characters plain, no spaces, capital letters. */
export interface Line extends ReadLine {
  /** Where in `text` a space or hyphen was left out. */
  readonly gaps: ReadonlySet<number>
}

/** Shorter lines say too little about the direction they have. */
const SLOPE_ASPECT_MIN = 2.5
/** Lines a plane can be laid through without one of them deciding. */
const SLOPE_LINES_MIN = 6

/** Lines as fields are looked for in, each with the slope of the page where it stands: of one line alone it is a guess. */
export function plainLines(lines: readonly ReadLine[]): Line[] {
  const slopeAt = slopes(lines.filter(line => line.width > line.height * SLOPE_ASPECT_MIN))
  return lines.map(line => ({ ...plain(line), slope: slopeAt(line) }))
}

/** The slope of a tilted page changes evenly across it: least squares by length, then again without what lies far off. */
function slopes(long: readonly ReadLine[]): (at: ReadLine) => number {
  if (long.length < SLOPE_LINES_MIN) {
    const middle = long.map(line => line.slope).sort((a, b) => a - b)[long.length >> 1] ?? 0
    return () => middle
  }
  const first = plane(long)
  const off = (line: ReadLine): number => Math.abs(line.slope - first(line))
  const usual = long.map(off).sort((a, b) => a - b)[long.length >> 1]!
  const kept = long.filter(line => off(line) <= 2.5 * usual)
  return kept.length < SLOPE_LINES_MIN ? first : plane(kept)
}

/** The plane slope = a + b x + c y through lines, each by the square of its length. */
function plane(lines: readonly ReadLine[]): (at: ReadLine) => number {
  const whole = lines.reduce((sum, line) => sum + line.width ** 2, 0)
  const mean = (of: (line: ReadLine) => number) => lines.reduce((sum, line) => sum + of(line) * line.width ** 2, 0) / whole
  const [mx, my, ms] = [mean(line => line.x), mean(line => line.y), mean(line => line.slope)]
  const [xx, xy, yy] = [mean(line => (line.x - mx) ** 2), mean(line => (line.x - mx) * (line.y - my)), mean(line => (line.y - my) ** 2)]
  const [xs, ys] = [mean(line => (line.x - mx) * (line.slope - ms)), mean(line => (line.y - my) * (line.slope - ms))]
  // A little firmness, so that lines all in one column do not tell how it changes across.
  const [fx, fy] = [xx * 1.05 + 1, yy * 1.05 + 1]
  const det = fx * fy - xy * xy
  const [b, c] = [(xs * fy - ys * xy) / det, (ys * fx - xs * xy) / det]
  return at => ms + b * (at.x - mx) + c * (at.y - my)
}

function plain(line: ReadLine): Line {
  let [text, others] = ['', '']
  const chars: number[] = []
  const gaps = new Set<number>()
  let at = 0
  for (const char of line.text) {
    for (const one of char.normalize('NFKC').toUpperCase()) {
      if (/\s/.test(one)) {
        gaps.add(text.length)
        continue
      }
      text += one
      others += plainChar(line.others[at])
      chars.push(line.chars[at] ?? 0)
    }
    at += char.length
  }
  return { ...line, text, others, chars, gaps }
}

const plainChar = (char: string | undefined): string => (char ?? ' ').normalize('NFKC').toUpperCase()[0] ?? ' '

/** Certainty of a stretch of a line: that of its weakest character. */
export const weakest = (line: Line, from: number, length: number): number => Math.min(...line.chars.slice(from, from + length))

const left = (line: Line): number => line.x - line.width / 2
const right = (line: Line): number => line.x + line.width / 2

function isSameRow(a: Line, b: Line): boolean {
  return Math.abs(b.y - a.y - ((a.slope + b.slope) / 2) * (b.x - a.x)) < 0.6 * Math.max(a.height, b.height)
}

/**
 * Words that may say what stands at a place of a line, nearest first: what precedes it in the line itself, the line to its
 * left, the line above.
 */
export function captions(lines: readonly Line[], line: Line, at: number): string[] {
  const before = line.text.slice(0, at)
  // A label ends where the value before it ended.
  const inline = /[^0-9]*$/.exec(before.replace(/[:;,.(¥]+$/, ''))![0]
  if (/\p{L}{2}/u.test(inline)) return [inline]
  if (/\d{3}/.test(before)) return []
  const row = lines
    .filter(other => other !== line && isSameRow(other, line) && right(other) < left(line) + 0.5 * line.height)
    .sort((a, b) => right(b) - right(a))
    .slice(0, 2)
    .map(other => other.text)
  const above = lines
    .filter(other => other !== line && isAbove(other, line))
    .sort((a, b) => b.y - a.y)
    .slice(0, 2)
    .map(other => other.text)
  if (inline === '') return [...row, ...above]
  // Words are spread over the width of their column: the rest of them stands apart to the left.
  return [(row[0] ?? '') + inline, ...row, ...above]
}

function isAbove(other: Line, line: Line): boolean {
  const drop = line.y - other.y - other.slope * (line.x - other.x)
  if (drop < 0.5 * line.height || drop > 3 * Math.max(line.height, other.height)) return false
  return left(other) < right(line) && right(other) > left(line)
}
