import { dayLabel } from '#kernel/labels.ts'
import { formatYuan } from '#kernel/money.ts'

export type Lang = 'zh-CN' | 'en'

const shanghai = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Shanghai', ...options })
const clockShort = shanghai({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const clockLong = shanghai({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const isoDay = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai', year: 'numeric', month: '2-digit', day: '2-digit' })

/** Integer fen to `1,046.20`; below nothing with the sign for it, `−3.00`. */
export const yuan = (fen: number): string => formatYuan(fen).replace('-', '−')

/** A difference of integer fen with its sign, `+1.00` or `−1.00`; nothing for none. */
export const signedYuan = (fen: number): string => (fen === 0 ? '' : `${fen > 0 ? '+' : '−'}${yuan(Math.abs(fen))}`)

/** Unit price in yuan × 10000 to text with two to four decimals: 19500 → `1.95`, 21525 → `2.1525`. */
export function unitPrice(e4: number): string {
  const text = (e4 / 10000).toFixed(4)
  return text.replace(/0{1,2}$/, '')
}

const partsOf = (on: string): [number, number, number] => {
  const [y = 0, m = 1, d = 1] = on.split('-').map(Number)
  return [y, m, d]
}

/** `2026-11-30` to `11月30日` or `30 Nov`. */
export const day = dayLabel

/** `2026-11-30` to `2026年11月30日` or `30 Nov 2026`. */
export function dayWithYear(lang: Lang, on: string): string {
  const [y] = partsOf(on)
  return lang === 'en' ? `${day(lang, on)} ${y}` : `${y}年${day(lang, on)}`
}

/** The day of an instant in Asia/Shanghai, `YYYY-MM-DD`. */
export const onOf = (at: Date): string => isoDay.format(at)

/** `10:24`, Asia/Shanghai. */
export const time = (at: Date): string => clockShort.format(at)

/** `10:24:36`, Asia/Shanghai. */
export const timeWithSeconds = (at: Date): string => clockLong.format(at)

/** `11月19日 10:24`. */
export const dateTime = (lang: Lang, at: Date): string => `${day(lang, onOf(at))} ${time(at)}`

/** `2026年11月19日 10:24:36`, for receipts. */
export const stamp = (lang: Lang, at: Date): string => `${dayWithYear(lang, onOf(at))} ${timeWithSeconds(at)}`

/** How long to wait: seconds below a minute, whole minutes up to two hours, then hours, rounded up. */
export function waiting(lang: Lang, seconds: number): string {
  if (seconds < 60) return duration(lang, seconds)
  const minutes = Math.ceil(seconds / 60)
  if (minutes > 120) return lang === 'en' ? `${Math.ceil(minutes / 60)} hours` : `${Math.ceil(minutes / 60)}小时`
  return lang === 'en' ? `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}` : `${minutes}分钟`
}

/** Remaining seconds to `9 分 42 秒` or `9 min 42 s`. */
export function duration(lang: Lang, seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  const [m, rest] = [Math.floor(s / 60), s % 60]
  if (lang === 'en') return m ? `${m} min ${rest} s` : `${rest} s`
  return m ? `${m}分${rest}秒` : `${rest}秒`
}
