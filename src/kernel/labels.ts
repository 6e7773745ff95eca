import type { Lang } from './context.ts'

// How days and months are said to people, the same on a page, in a message and in a wallet.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export const monthName = (month: number): string => MONTHS[month - 1]!

/** `2026-11-30` to `11月30日` or `30 Nov`. */
export function dayLabel(lang: Lang, on: string): string {
  const [, m, d] = on.split('-').map(Number) as [number, number, number]
  return lang === 'en' ? `${d} ${monthName(m)}` : `${m}月${d}日`
}

/** First and last month, `2026-09` and `2026-10`, to `2026年9–10月` or `Sep–Oct 2026`. */
export function periodLabel(lang: Lang, from: string, to: string): string {
  const [fy, fm] = from.split('-').map(Number) as [number, number]
  const [ty, tm] = to.split('-').map(Number) as [number, number]
  if (lang === 'en') return from === to ? `${monthName(tm)} ${ty}` : `${monthName(fm)}${fy === ty ? '' : ` ${fy}`}–${monthName(tm)} ${ty}`
  if (from === to) return `${ty}年${tm}月`
  return fy === ty ? `${fy}年${fm}–${tm}月` : `${fy}年${fm}月–${ty}年${tm}月`
}
