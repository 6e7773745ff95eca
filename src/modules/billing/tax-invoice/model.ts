/** Who the invoice is made out to. */
export interface Buyer {
  readonly kind: 'person' | 'company'
  readonly name: string
  /** 统一社会信用代码 or 纳税人识别号; of a company. */
  readonly taxNo?: string
  readonly email?: string
}

const BUYER_KINDS = ['person', 'company'] as const
const NAME_CHARS_MAX = 100

const clean = (text: string | undefined): string =>
  (text ?? '')
    .toWellFormed()
    .normalize('NFKC')
    .replaceAll(/\p{Cc}/gu, '')
    .trim()

/** A buyer as typed, or the field that is wrong. */
export function readBuyer(typed: Readonly<Record<string, string | undefined>>): Buyer | 'kind' | 'name' | 'tax_no' | 'email' {
  const kind = BUYER_KINDS.find(known => known === typed.kind)
  if (!kind) return 'kind'
  const [name, taxNo, email] = [clean(typed.name), clean(typed.tax_no).replaceAll(/[\s-]/g, '').toUpperCase(), clean(typed.email)]
  if (!name || name.length > NAME_CHARS_MAX) return 'name'
  if (kind === 'company' && !/^[0-9A-Z]{15,20}$/.test(taxNo)) return 'tax_no'
  if (email && !/^[^\s@]{1,64}@[^\s@]{1,120}\.[^\s@.]{2,24}$/.test(email)) return 'email'
  return { kind, name, ...(kind === 'company' && { taxNo }), ...(email && { email }) }
}

/** Where a biller keeps an invoice, if it may be shown as a link. */
export function readHref(text: string): string | undefined {
  const url = text.length <= 500 ? URL.parse(text) : null
  const isLocal = url?.hostname === '127.0.0.1' || url?.hostname === 'localhost'
  return url && !url.username && (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)) ? url.href : undefined
}
