import { z } from 'zod'
import type { Answer } from '#kernel/http/exchange.ts'
import { jsonOf } from '#kernel/http/signed.ts'
import type { TaxInvoiceAnswer, TaxInvoicePort } from '../ports.ts'

const answerSchema = z.object({
  state: z.enum(['ACCEPTED', 'ISSUED', 'REFUSED']),
  number: z
    .string()
    .regex(/^[0-9A-Za-z-]{8,40}$/)
    .optional(),
  url: z.string().max(500).optional(),
  reason: z.string().max(200).optional(),
})

type Send = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Answer>

/** Tax invoices by the interface we ask billers to offer. */
export function taxInvoiceApi(send: Send, payee: string | undefined): TaxInvoicePort {
  const call = async (...message: Parameters<Send>): Promise<TaxInvoiceAnswer> => {
    const answer = await send(...message)
    if (answer.kind === 'lost') return { kind: 'unknown', why: answer.why }
    if (answer.status === 404) return { kind: 'missing' }
    const parsed = answer.status >= 200 && answer.status < 300 ? answerSchema.safeParse(jsonOf(answer.body)) : undefined
    if (!parsed?.success) return { kind: 'unknown', why: `status ${answer.status}, answer not understood` }
    const { state, number, url, reason } = parsed.data
    if (state === 'ACCEPTED') return { kind: 'accepted' }
    if (state === 'REFUSED') return { kind: 'refused', reason: reason ?? 'no reason given' }
    return number === undefined ? { kind: 'unknown', why: 'issued without a number' } : { kind: 'issued', number, href: url }
  }
  return {
    ask: ({ invoiceNo, postingNo, billNo, accountNo, amountFen, buyer }) =>
      call('POST', '/v1/tax-invoices', {
        ...{ invoice_no: invoiceNo, posting_no: postingNo, ...(payee && { payee }) },
        ...{ bill_no: billNo, account_no: accountNo, amount_fen: amountFen },
        buyer: {
          ...{ kind: buyer.kind, name: buyer.name },
          ...(buyer.taxNo && { tax_no: buyer.taxNo }),
          ...(buyer.email && { email: buyer.email }),
        },
      }),
    status: no => call('GET', `/v1/tax-invoices/${encodeURIComponent(no)}`),
  }
}
