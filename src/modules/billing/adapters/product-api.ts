import { z } from 'zod'
import type { Answer } from '#kernel/http/exchange.ts'
import { jsonOf } from '#kernel/http/signed.ts'
import { FEN_MAX, parseYuan } from '#kernel/money.ts'
import type { PostingAnswer, ProductPort, ProductsAnswer } from '../ports.ts'
import type { ProductAmounts, ProductBody } from '../products/model.ts'

type Send = (method: 'GET' | 'POST', path: string, body?: unknown, wait_ms_max?: number) => Promise<Answer>

const words = z.string().trim().min(1).max(200)
const list = z.array(words).min(1).max(20)
const terms = z.string().trim().min(1).max(6_000)
const LISTED_MAX = 60
/** Somebody is looking at a page meanwhile. */
const LOOK_MS_MAX = 1_500

const fenOf = (amounts: ProductAmounts) =>
  amounts === 'fen'
    ? z.int().min(0).max(FEN_MAX)
    : z.string().transform((text, issues) => {
        const read = parseYuan(text)
        if (read.ok) return read.value
        issues.addIssue({ code: 'custom', message: 'not an amount in yuan' })
        return z.NEVER
      })

const productOf = (amounts: ProductAmounts) =>
  z.object({
    code: z.string().regex(/^[\w.-]{1,40}$/),
    version: z.string().regex(/^[\w.-]{1,40}$/),
    name: words,
    name_en: words.optional(),
    price: fenOf(amounts),
    monthly: fenOf(amounts).optional(),
    lasts_days: z.int().min(1).max(3_660).optional(),
    bound_months: z.int().min(1).max(120).optional(),
    effective: z.enum(['at_once', 'next_month']),
    includes: list,
    includes_en: list.optional(),
    ends: words,
    ends_en: words.optional(),
    terms,
    terms_en: terms.optional(),
    group: z.string().max(40).optional(),
    replaces: words.optional(),
    replaces_en: words.optional(),
  })

const stateSchema = z.object({ state: z.enum(['ACCEPTED', 'DONE', 'REFUSED', 'CANCELLED']), reason: z.string().max(200).optional() })

/** Absent fields stay absent: a stored version is compared with what is listed later. */
const bodyOf = ({
  name,
  price,
  monthly,
  includes,
  ends,
  terms: text,
  replaces,
  ...rest
}: z.infer<ReturnType<typeof productOf>>): ProductBody => ({
  ...rest,
  ...{ name_zh: name, price_fen: price, includes_zh: includes, ends_zh: ends, terms_zh: text },
  ...(monthly !== undefined && { monthly_fen: monthly }),
  ...(replaces !== undefined && { replaces_zh: replaces }),
})

function answerOf(answer: Answer): PostingAnswer {
  if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
  if (answer.status === 404) return { kind: 'missing' }
  if (answer.status < 200 || answer.status > 299) return { kind: 'unknown', why: `status ${answer.status}` }
  const parsed = stateSchema.safeParse(jsonOf(answer.body))
  if (!parsed.success) return { kind: 'unknown', why: 'answer not understood' }
  const { state, reason } = parsed.data
  switch (state) {
    case 'ACCEPTED':
      return { kind: 'accepted' }
    case 'DONE':
      return { kind: 'posted' }
    case 'CANCELLED':
      return { kind: 'reversed' }
    case 'REFUSED':
      return { kind: 'rejected', reason: reason ?? 'no reason given' }
  }
}

/** The part of the posting interface by which things are ordered: the same signature, the same numbers of ours. */
export function productApi(send: Send, amounts: ProductAmounts): ProductPort {
  const listed = z.object({ products: z.array(z.unknown()).max(LISTED_MAX) })
  const product = productOf(amounts)
  const one = (no: string): string => `/v1/product-orders/${encodeURIComponent(no)}`
  return {
    async list(accountNo): Promise<ProductsAnswer> {
      const answer = await send('GET', `/v1/products?account_no=${encodeURIComponent(accountNo)}`, undefined, LOOK_MS_MAX)
      if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
      const parsed = answer.status === 200 ? listed.safeParse(jsonOf(answer.body)) : undefined
      if (!parsed?.success) return { kind: 'unknown', why: `status ${answer.status}, answer not understood` }
      // One that says too little is not offered; it does not hide the others.
      const read = parsed.data.products.map(one => product.safeParse(one))
      return {
        kind: 'products',
        products: read.flatMap(one => (one.success ? [bodyOf(one.data)] : [])),
        refused: read.filter(one => !one.success).length,
      }
    },
    order: async r =>
      answerOf(
        await send('POST', '/v1/product-orders', {
          order_no: r.orderNo,
          product: r.product,
          version: r.version,
          account_no: r.accountNo,
          amount: amounts === 'fen' ? r.amountFen : (r.amountFen / 100).toFixed(2),
          ordered_at: r.orderedAt.toISOString(),
        }),
      ),
    status: async no => answerOf(await send('GET', one(no))),
    cancel: async no => answerOf(await send('POST', `${one(no)}/cancel`, {})),
  }
}
