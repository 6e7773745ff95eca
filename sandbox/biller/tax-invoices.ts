import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { FaultSource } from '../common/faults.ts'
import { openJournal } from '../common/journal.ts'

const word = z.string().min(1).max(64)
const input = z.object({
  invoice_no: word,
  payee: word.optional(),
  posting_no: word,
  bill_no: word,
  account_no: word,
  amount_fen: z.int().min(1),
  buyer: z.object({
    kind: z.enum(['person', 'company']),
    name: z.string().min(1).max(100),
    tax_no: z.string().max(20).optional(),
    email: z.string().max(200).optional(),
  }),
})

type Asked = z.infer<typeof input>
interface Invoice extends Asked {
  state: 'ACCEPTED' | 'ISSUED' | 'REFUSED'
  number?: string
  reason?: string
}

/** Invoices of the company, under the caller's own numbers: taken in hand at first, written by the time they are asked after. */
export function addTaxInvoices(
  signed: FastifyInstance,
  open: FastifyInstance,
  path: string,
  faults: FaultSource,
  isPosted: (no: string) => boolean,
): void {
  const invoices = new Map<string, Invoice>()
  const journal = openJournal<Invoice>(path, invoice => void invoices.set(invoice.invoice_no, invoice))
  const keep = (invoice: Invoice): Invoice => {
    journal.append(invoice)
    invoices.set(invoice.invoice_no, invoice)
    return invoice
  }
  const told = ({ state, number, reason }: Invoice, host: string) => ({
    state,
    ...(number && { number, url: `http://${host}/tax-invoices/${number}` }),
    ...(reason && { reason }),
  })
  signed.post('/v1/tax-invoices', async (request, reply) => {
    const asked = input.safeParse(request.body)
    if (!asked.success) return reply.status(400).send({ code: 'invoice_bad', message: z.prettifyError(asked.error) })
    const known = invoices.get(asked.data.invoice_no)
    if (known && (known.posting_no !== asked.data.posting_no || known.amount_fen !== asked.data.amount_fen))
      return reply.status(422).send({ code: 'invoice_conflict', message: 'number used with other content' })
    if (known) return told(known, request.host)
    if (!isPosted(asked.data.posting_no)) return reply.status(409).send({ code: 'not_paid', message: 'no such payment stands' })
    const refusal = faults.strikes('reject') ? { state: 'REFUSED' as const, reason: 'TITLE_NOT_FOUND' } : { state: 'ACCEPTED' as const }
    return reply.status(201).send(told(keep({ ...asked.data, ...refusal }), request.host))
  })
  signed.get('/v1/tax-invoices/:no', async (request, reply) => {
    const found = invoices.get((request.params as { no: string }).no)
    if (!found) return reply.status(404).send({ code: 'invoice_missing', message: 'no such invoice' })
    if (found.state !== 'ACCEPTED' || faults.strikes('accept_first')) return told(found, request.host)
    const number = `26${String(invoices.size).padStart(18, '0')}`
    return told(keep({ ...found, state: 'ISSUED', number }), request.host)
  })
  // What a resident follows the link to; the real one is a signed file of the tax office.
  open.get('/tax-invoices/:number', async (request, reply) => {
    const { number } = request.params as { number: string }
    const found = [...invoices.values()].find(invoice => invoice.number === number)
    if (!found) return reply.status(404).type('text/plain; charset=utf-8').send('没有这张发票 / no such invoice')
    const yuan = (found.amount_fen / 100).toFixed(2)
    return reply
      .type('text/plain; charset=utf-8')
      .send(
        `电子发票（演示）\n号码 ${number}\n购买方 ${found.buyer.name}\n账单 ${found.bill_no}\n价税合计 ${yuan}元\n\nE-invoice (demonstration)\n`,
      )
  })
  open.get('/_control/tax-invoices', async () => ({ invoices: [...invoices.values()] }))
}
