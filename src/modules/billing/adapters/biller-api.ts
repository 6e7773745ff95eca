import { z } from 'zod'
import { type Answer, STATEMENT_MS_MAX } from '#kernel/http/exchange.ts'
import { jsonOf, type SharedSecret, signedExchange } from '#kernel/http/signed.ts'
import type { Clock } from '#kernel/time.ts'
import { CHECK_BYTES_MAX } from '../checks/layout.ts'
import type { AccountAnswer, BillerPort, CheckFileAnswer, PostingAnswer } from '../ports.ts'
import type { ProductAmounts } from '../products/model.ts'
import { productApi } from './product-api.ts'
import { taxInvoiceApi } from './tax-invoice-api.ts'

export type BillerApiConfig = SharedSecret & {
  /** Which of several payees of one system is told and asked; absent where the system has one. */
  readonly payee?: string
}

const answerSchema = z.object({ state: z.enum(['POSTED', 'REJECTED', 'REVERSED']), reason: z.string().max(200).optional() })

const billSchema = z.object({
  bill_no: z.string().min(1).max(64),
  account_no: z.string(),
  amount_fen: z.int().min(1).max(1e12),
  period: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/),
  due_on: z.iso.date(),
  title: z.string().max(200).default(''),
  is_paid: z.boolean(),
})
const billsSchema = z.object({ bills: z.array(billSchema).max(200) })
/** Somebody is looking at a page meanwhile. */
const LOOK_MS_MAX = 1_500

/** The posting interface we ask billers to offer: JSON over HTTP, HMAC-SHA256 over method, path, time, nonce and body. */
export function billerApi(config: BillerApiConfig, clock: Clock, productAmounts?: ProductAmounts): BillerPort {
  const send = (method: 'GET' | 'POST', path: string, body?: unknown, wait_ms_max?: number): Promise<Answer> =>
    signedExchange(config, clock, {
      ...{ method, path },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(wait_ms_max && { wait_ms_max }),
    })
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<PostingAnswer> => {
    const answer = await send(method, path, body)
    if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
    if (answer.status === 404) return { kind: 'missing' }
    if (answer.status < 200 || answer.status > 299) return { kind: 'unknown', why: `status ${answer.status}` }
    const parsed = answerSchema.safeParse(jsonOf(answer.body))
    if (!parsed.success) return { kind: 'unknown', why: 'answer not understood' }
    const { state, reason } = parsed.data
    return state === 'POSTED'
      ? { kind: 'posted' }
      : state === 'REVERSED'
        ? { kind: 'reversed' }
        : { kind: 'rejected', reason: reason ?? 'no reason given' }
  }
  const listBills = async (accountNo: string): Promise<AccountAnswer> => {
    const answer = await send('GET', `/v1/bills?account_no=${encodeURIComponent(accountNo)}`, undefined, LOOK_MS_MAX)
    if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
    const parsed = answer.status === 200 ? billsSchema.safeParse(jsonOf(answer.body)) : undefined
    if (!parsed?.success) return { kind: 'unknown', why: `status ${answer.status}, answer not understood` }
    const own = parsed.data.bills.filter(bill => bill.account_no === accountNo)
    return {
      kind: 'bills',
      bills: own.map(b => ({
        billNo: b.bill_no,
        amountFen: b.amount_fen,
        period: b.period,
        dueOn: b.due_on,
        title: b.title,
        isPaid: b.is_paid,
      })),
    }
  }
  const fetchCheckFile = async (day: string): Promise<CheckFileAnswer> => {
    const payee = config.payee ? `&payee=${encodeURIComponent(config.payee)}` : ''
    const path = `/v1/check-file?day=${day}${payee}`
    const limits = { wait_ms_max: STATEMENT_MS_MAX, answer_bytes_max: CHECK_BYTES_MAX }
    const answer = await signedExchange(config, clock, { method: 'GET', path, ...limits })
    if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
    if (answer.status === 404) return { kind: 'none' }
    return answer.status === 200 ? { kind: 'file', bytes: answer.body } : { kind: 'unknown', why: `status ${answer.status}` }
  }
  return {
    post: r =>
      call('POST', '/v1/postings', {
        posting_no: r.postingNo,
        ...(config.payee && { payee: config.payee }),
        bill_no: r.billNo,
        account_no: r.accountNo,
        amount_fen: r.amountFen,
        ...(r.lateFeeFen > 0 && { late_fee_fen: r.lateFeeFen }),
        ...(r.rebateFen > 0 && { rebate_fen: r.rebateFen }),
        paid_at: r.paidAt.toISOString(),
      }),
    query: no => call('GET', `/v1/postings/${encodeURIComponent(no)}`),
    listBills,
    ...(productAmounts && { products: productApi(send, productAmounts) }),
    taxInvoices: taxInvoiceApi(send, config.payee),
    fetchCheckFile,
    reverse: no => call('POST', `/v1/postings/${encodeURIComponent(no)}/reverse`, {}),
  }
}
