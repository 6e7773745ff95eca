import { canonicalJson } from '#engines/hashtree/index.ts'
import type { Lang } from '#kernel/context.ts'
import { formatYuan } from '#kernel/money.ts'
import type { Verdict } from './verify.ts'

// What a verdict says to whoever reads it in a terminal.

const words = {
  'zh-CN': {
    invalid: '无效',
    checkpoint: (size: number, origin: string) => `有效：${origin} 的检查点，共 ${size} 条`,
    entry: (size: number, origin: string, index: number) => `有效：${origin} 第 ${index} 条，截至第 ${size} 条的检查点`,
    later: '后来有没有退款，只有联网查验才知道。',
    compare: '封存的内容如下，请和收据对照：',
    yuan: (amount: string) => `${amount} 元`,
    /** The entry names the biller as the installation does; the name itself stands on the page. */
    idAt: (origin: string) => `（${origin} 所用的代号）`,
    colon: '：',
  },
  en: {
    invalid: 'invalid',
    checkpoint: (size: number, origin: string) => `valid: checkpoint ${size} of ${origin}`,
    entry: (size: number, origin: string, index: number) => `valid: true as of checkpoint ${size} of ${origin}, entry ${index}`,
    later: 'Whether it was refunded since, only the online check knows.',
    compare: 'The sealed entry says (compare it with the page):',
    yuan: (amount: string) => `${amount} yuan`,
    idAt: (origin: string) => ` (its id at ${origin})`,
    colon: ': ',
  },
} as const

/** Facts of a receipt in the order they stand on it; what a reader compares. */
const facts: readonly { readonly key: string; readonly names: Readonly<Record<Lang, string>> }[] = [
  { key: 'receipt_no', names: { 'zh-CN': '收据号', en: 'Receipt number' } },
  { key: 'amount_fen', names: { 'zh-CN': '金额', en: 'Amount' } },
  { key: 'paid_at', names: { 'zh-CN': '缴费时间（北京时间）', en: 'Paid at (Beijing time)' } },
  { key: 'biller', names: { 'zh-CN': '收费单位', en: 'Biller' } },
  { key: 'account_last4', names: { 'zh-CN': '户号末四位', en: 'Account ends in' } },
  { key: 'period', names: { 'zh-CN': '账期', en: 'Period' } },
  { key: 'bill_no', names: { 'zh-CN': '账单号', en: 'Bill number' } },
  { key: 'channel', names: { 'zh-CN': '付款方式', en: 'Paid by' } },
  { key: 'txn', names: { 'zh-CN': '支付流水号', en: 'Payment number' } },
  { key: 'order', names: { 'zh-CN': '订单号', en: 'Order number' } },
]

const channels: Readonly<Record<string, Readonly<Record<Lang, string>>>> = {
  wechat: { 'zh-CN': '微信支付', en: 'WeChat Pay' },
  alipay: { 'zh-CN': '支付宝', en: 'Alipay' },
  cash: { 'zh-CN': '现金', en: 'cash' },
}

/** Why something is not valid; the English words are those of the verifier itself. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^the PDF carries no intact receipt/, 'PDF 里没有完整的收据，或者文件被改过'],
  [/^this is not a receipt file/, '这不是收据文件，也不是检查点'],
  [/^not an intact receipt/, '不是完整的收据，或者被改过'],
  [/^not signed by a pinned key|^no pinned key speaks for/, '不是由您信任的密钥签的'],
  [/^wrong signature/, '签名不对'],
  [/^the entry is not number/, '内容和签名的日志对不上，被改过'],
  [/^malformed|^note without|^too many/, '检查点或证明的格式不对'],
]

const text = (value: unknown): string => (typeof value === 'string' ? value : canonicalJson(value))

function factOf(key: string, value: unknown, lang: Lang): string {
  if (key.endsWith('_fen') && typeof value === 'number' && Number.isSafeInteger(value)) return words[lang].yuan(formatYuan(value))
  if (key === 'paid_at' && typeof value === 'string' && !Number.isNaN(Date.parse(value)))
    return new Date(Date.parse(value)).toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai' })
  return (key === 'channel' && channels[String(value)]?.[lang]) || text(value)
}

function* linesOf(entry: Readonly<Record<string, unknown>>, origin: string, lang: Lang): Iterable<string> {
  const { colon, idAt } = words[lang]
  const { body } = entry
  if (entry.type === 'billing.receipt_issued' && typeof body === 'object' && body !== null) {
    const said = body as Record<string, unknown>
    const known = facts.filter(fact => Object.hasOwn(said, fact.key))
    for (const { key, names } of known)
      yield `  ${names[lang]}${key === 'biller' ? idAt(origin) : ''}${colon}${factOf(key, said[key], lang)}`
    for (const [key, value] of Object.entries(said)) if (!known.some(fact => fact.key === key)) yield `  ${key}${colon}${text(value)}`
    return
  }
  for (const [key, value] of Object.entries(entry)) {
    if (key !== 'body' || typeof value !== 'object' || value === null) yield `  ${key}${colon}${text(value)}`
    else for (const [name, fact] of Object.entries(value)) yield `  ${name.replace(/_fen$/, '')}${colon}${factOf(name, fact, lang)}`
  }
}

/** Lines for a terminal. Amounts are in yuan; the raw form is what `--json` prints. */
export function verdictLines(verdict: Verdict, lang: Lang): string[] {
  const say = words[lang]
  if (!verdict.valid) {
    const why = lang === 'en' ? verdict.why : (reasons.find(([pattern]) => pattern.test(verdict.why))?.[1] ?? verdict.why)
    return [`${say.invalid}${say.colon}${why}`]
  }
  const { origin, checkpoint, entry, index } = verdict
  if (!entry || index === undefined) return [say.checkpoint(checkpoint, origin)]
  return [say.entry(checkpoint, origin, index), say.later, say.compare, ...linesOf(entry, origin, lang)]
}
