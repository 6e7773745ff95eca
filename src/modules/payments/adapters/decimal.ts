/**
 * '-0.02' with digits=2 -> -2. Exact: works on the digits, never on a float.
 * Undefined when the text is no plain decimal or has non-zero digits beyond `digits`.
 * Six cells of each statement row pass through here: reading codes by hand instead of a pattern doubled the rows per second.
 */
export function parseDecimal(text: string, digits: number): number | undefined {
  const isNegative = text.charCodeAt(0) === MINUS
  const start = isNegative ? 1 : 0
  const point = text.indexOf('.', start)
  const wholeEnd = point < 0 ? text.length : point
  if (wholeEnd === start || wholeEnd - start > 13 || point === text.length - 1) return undefined
  let units = 0
  let decimals = 0
  for (let at = start; at < text.length; at++) {
    if (at === point) continue
    const digit = text.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) return undefined
    if (at < wholeEnd) units = units * 10 + digit
    else if (decimals < digits) {
      units = units * 10 + digit
      decimals += 1
    } else if (digit !== 0) return undefined
  }
  units *= 10 ** (digits - decimals)
  if (!Number.isSafeInteger(units)) return undefined
  return isNegative && units !== 0 ? -units : units
}

const ZERO = 48
const MINUS = 45

/** -2 with digits=2 -> '-0.02'. */
export function renderDecimal(units: number, digits: number): string {
  if (!Number.isSafeInteger(units)) throw new RangeError(`not a whole number of units: ${units}`)
  const text = String(Math.abs(units)).padStart(digits + 1, '0')
  return `${units < 0 ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** Decimals printed in a figure: how exact a sum in a footer can be. */
export function decimalsOf(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}

const SHANGHAI_MS = 8 * 3_600_000

/** '2019-02-19 05:01:46' (ASCII or full-width colons), Asia/Shanghai -> instant; undefined when it is no real time. */
export function parseLocalTime(text: string): Date | undefined {
  if (text.length !== 19 || text[10] !== ' ' || !isColon(text[13]) || !isColon(text[16])) return undefined
  const day_ms = dayStart(text.slice(0, 10))
  const hours = twoDigits(text, 11)
  const minutes = twoDigits(text, 14)
  const seconds = twoDigits(text, 17)
  if (day_ms === undefined || hours > 23 || minutes > 59 || seconds > 59) return undefined
  return new Date(day_ms + ((hours * 60 + minutes) * 60 + seconds) * 1000)
}

const isColon = (character: string | undefined): boolean => character === ':' || character === '：'

/** 100 when it is not two digits: above every limit. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const ones = text.charCodeAt(at + 1) - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 100
}

// A statement holds one or two days in a million rows: remembering the last day saves a calendar computation per cell.
let lastDay = ''
let lastDay_ms: number | undefined

/** Start of 'YYYY-MM-DD' in Asia/Shanghai in ms; undefined when there is no such day. */
export function dayStart(day: string): number | undefined {
  if (day === lastDay) return lastDay_ms
  const utc = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN
  // 30 February may roll over to March: a round trip shows it.
  const isReal = !Number.isNaN(utc) && new Date(utc).toISOString().slice(0, 10) === day
  lastDay = day
  lastDay_ms = isReal ? utc - SHANGHAI_MS : undefined
  return lastDay_ms
}

export const DAY_MS = 86_400_000

/** Instant -> '2019-02-19 05:01:46' in Asia/Shanghai. */
export function renderLocalTime(at: Date): string {
  return new Date(at.getTime() + SHANGHAI_MS).toISOString().slice(0, 19).replace('T', ' ')
}
