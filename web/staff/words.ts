import type { Lang } from '#kernel/context.ts'
import { yuan } from '#web/ui/format.ts'
import { hasMessage, type MessageKey, t } from '#web/ui/messages.ts'

const wordOf = (lang: Lang, key: string, otherwise: MessageKey): string => t(lang)(hasMessage(key) ? key : otherwise)

export const eventName = (lang: Lang, type: string): string => wordOf(lang, `event.${type}`, 'staff.event_other')
export const actorName = (lang: Lang, kind: string): string => wordOf(lang, `who.${kind}`, 'staff.who_other')
/** Why money went back, an order was closed, a request was made or how it was answered. */
export const codeName = (lang: Lang, code: string): string => wordOf(lang, `code.${code}`, 'staff.code_other')

/** Numbers under which others know it. */
const NUMBERS = ['out_trade_no', 'txn', 'receipt_no']
const CODES = ['why', 'reason', 'cause', 'outcome', 'resolution']

/** What a channel or biller said, without the code before it; nothing when there is only a code. */
function outsideWords(lang: Lang, text: string): string[] {
  const words = text.replace(/^[A-Z0-9_.]+(: ?|$)/, '').trim()
  return /[\s\u4e00-\u9fff]/.test(words) ? [t(lang)('staff.outside_said', { text: words })] : []
}

function shownIn(lang: Lang, key: string, value: unknown): string[] {
  if (key === 'amount_fen') return [yuan(Number(value))]
  if (NUMBERS.includes(key)) return [String(value)]
  if (!CODES.includes(key)) return []
  return hasMessage(`code.${value}`) ? [codeName(lang, String(value))] : outsideWords(lang, String(value))
}

/** Only what a clerk can use: amounts, numbers, and reasons in words. */
export const detailOf = (lang: Lang, body: Readonly<Record<string, unknown>>): string =>
  Object.entries(body)
    .flatMap(([key, value]) => shownIn(lang, key, value))
    .join(' · ')
    .slice(0, 200)
