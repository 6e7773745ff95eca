import { timingSafeEqual } from 'node:crypto'
import type { Ctx } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import type { Dues } from '../dues.ts'
import { errors } from '../errors.ts'

export interface QuoteItem {
  readonly billId: string
  /** Of the principal, the rebate taken off. */
  readonly amountFen: number
  readonly lateFeeFen: number
  /** The payer chose to pay a part of the bill. */
  readonly isPart?: true
}

/** What a page showed and a payer agreed to: amounts made by the server, good for ten minutes. */
export interface Quote {
  readonly tenantId: number
  readonly items: readonly QuoteItem[]
  readonly until: number
}

/** What paying the whole of a bill costs now, as a quote says it. */
export const quoteItem = ({ bill, restFen, rebateFen, lateFeeFen }: Dues & { readonly bill: { readonly id: string } }): QuoteItem => ({
  billId: bill.id,
  amountFen: restFen - rebateFen,
  lateFeeFen,
})

const QUOTE_MS_MAX = 10 * 60_000
const QUOTE_CHARS_MAX = 4_000

/** What a signature is for: a quote of one kind is none of another. */
export type QuoteKind = 'billing.quote' | 'billing.product_quote'

export function signQuote(ctx: Ctx, kind: QuoteKind, body: object): string {
  const quote = { tenantId: ctx.tenantId, ...body, until: ctx.kernel.clock.now().getTime() + QUOTE_MS_MAX }
  const payload = Buffer.from(JSON.stringify(quote)).toString('base64url')
  return `${payload}.${ctx.kernel.vault.digest(kind, payload).toString('base64url')}`
}

/** Amounts never come from the payer's side: a changed quote is refused, an old one has to be shown again. */
export function readSigned<T extends { readonly tenantId: number; readonly until: number }>(
  ctx: Ctx,
  kind: QuoteKind,
  text: string,
): Result<T> {
  const [payload, mac, ...rest] = text.length <= QUOTE_CHARS_MAX ? text.split('.') : []
  if (!payload || !mac || rest.length > 0) return fail(errors.quote_malformed)
  const given = Buffer.from(mac, 'base64url')
  const right = ctx.kernel.vault.digest(kind, payload)
  if (given.length !== right.length || !timingSafeEqual(given, right)) return fail(errors.quote_malformed)
  const quote = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as T
  if (quote.tenantId !== ctx.tenantId) return fail(errors.quote_malformed)
  return quote.until < ctx.kernel.clock.now().getTime() ? fail(errors.quote_expired) : ok(quote)
}

export const makeQuote = (ctx: Ctx, items: Quote['items']): string => signQuote(ctx, 'billing.quote', { items })
export const readQuote = (ctx: Ctx, text: string): Result<Quote> => readSigned<Quote>(ctx, 'billing.quote', text)
