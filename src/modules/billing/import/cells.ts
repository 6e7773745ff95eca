import type { Mapping } from './mapping.ts'

// Values of cells. Each reader answers undefined for what it cannot take exactly: nothing is guessed or rounded.

/** Decimal text -> integer times 10^digits. Exponents, spaces and superfluous decimals are refused. */
export function scaled(text: string, digits: number): number | undefined {
  let at = 0
  const isNegative = text.charCodeAt(0) === 45
  if (isNegative) at = 1
  let value = 0
  const begin = at
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  if (at === begin || at - begin > 15) return undefined
  let left = digits
  if (at < text.length) {
    if (text.charCodeAt(at) !== 46 || ++at === text.length) return grouped(text, digits)
    for (; at < text.length; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit < 0 || digit > 9 || (left === 0 && digit !== 0)) return undefined
      if (left > 0) {
        value = value * 10 + digit
        left--
      }
    }
  }
  value *= 10 ** left
  if (!Number.isSafeInteger(value)) return undefined
  return isNegative && value !== 0 ? -value : value
}

/** 1,046.20 */
const grouped = (text: string, digits: number): number | undefined =>
  /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? scaled(text.replaceAll(',', ''), digits) : undefined

const DATE_PATTERNS = {
  'yyyy-MM-dd': /^(\d{4})-(\d{2})-(\d{2})$/,
  'yyyy/MM/dd': /^(\d{4})\/(\d{2})\/(\d{2})$/,
  yyyyMMdd: /^(\d{4})(\d{2})(\d{2})$/,
  iso8601: /^(\d{4})-(\d{2})-(\d{2})(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?$/,
  excel_date: /^(\d{4})-(\d{2})-(\d{2})$/,
} as const

const EXCEL_EPOCH_MS = Date.UTC(1899, 11, 30)
const DAY_MS = 86_400_000

/** Day 'YYYY-MM-DD', or undefined for anything that is not a day of the calendar between 2000 and 2099. */
export function readDay(text: string, format: Mapping['date_format'], isWorkbook = false): string | undefined {
  if (isWorkbook && /^\d{5}(\.0+)?$/.test(text)) {
    const day = new Date(EXCEL_EPOCH_MS + Math.trunc(Number(text)) * DAY_MS).toISOString().slice(0, 10)
    return day >= '2000' ? day : undefined
  }
  const match = DATE_PATTERNS[format].exec(text)
  if (!match) return undefined
  const day = `${match[1]}-${match[2]}-${match[3]}`
  const at = new Date(`${day}T00:00:00Z`)
  const isDay = !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day)
  return isDay && day >= '2000' && day < '2100' ? day : undefined
}

export interface Period {
  readonly from: string
  readonly to: string
}

const month = (year: string, m: string): string | undefined =>
  /^20\d{2}$/.test(year) && Number(m) >= 1 && Number(m) <= 12 ? `${year}-${m.padStart(2, '0')}` : undefined

const ordered = (from: string | undefined, to: string | undefined): Period | undefined =>
  from && to && from <= to ? { from, to } : undefined

/** Months 'YYYY-MM' a bill is for. */
export function readPeriod(text: string, rule: Extract<Mapping['bill']['period'], { column: string }>): Period | undefined {
  const digits = rule.format === 'yyyyMM' ? /^(\d{4})(\d{2})$/ : rule.format === 'yyyy-MM' ? /^(\d{4})-(\d{2})$/ : undefined
  if (digits) {
    const match = digits.exec(text)
    const one = match ? month(match[1]!, match[2]!) : undefined
    return ordered(one, one)
  }
  if (rule.format === 'yyyy-yyyy') {
    const match = /^(\d{4})-(\d{4})$/.exec(text)
    if (!match || Number(match[2]) !== Number(match[1]) + 1) return undefined
    return ordered(month(match[1]!, String(rule.months[0])), month(match[2]!, String(rule.months[1])))
  }
  const match = /^(\d{4})(\d{2})-(\d{4})(\d{2})$/.exec(text)
  return match ? ordered(month(match[1]!, match[2]!), month(match[3]!, match[4]!)) : undefined
}

/** Remembers answers for texts that repeat row after row, such as due dates. */
export function remembered<T>(read: (text: string) => T): (text: string) => T {
  let known = new Map<string, T>()
  return text => {
    const found = known.get(text)
    if (found !== undefined) return found
    const value = read(text)
    if (known.size >= 1_000) known = new Map()
    known.set(text, value)
    return value
  }
}
