import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { dayOf } from '#kernel/time.ts'
import { ensureCaller, storeCaller } from '../common/caller.ts'
import { hmacGuard } from '../common/hmac.ts'
import { announce, controlFaults, listen, sandboxServer, surroundings } from '../common/process.ts'
import { openBillerBooks } from './books.ts'
import { addProductRoutes, controlProducts } from './product-routes.ts'
import { openProductBooks } from './products.ts'
import { addTaxInvoices } from './tax-invoices.ts'

/** Stand-in for a utility company with a signed JSON interface, as a process of its own. */
const around = surroundings()
const { faults } = around
const caller = ensureCaller(around.keysDir, 'biller')
/** The day of its books, for a town whose clock is moved by hand; signatures keep to the real one. */
let bookNow = around.now
const books = openBillerBooks(join(around.keysDir, 'biller-journal.jsonl'), () => bookNow())
const products = openProductBooks(join(around.keysDir, 'biller-products.jsonl'))
const app = await sandboxServer()

const fen = z
  .number()
  .int()
  .min(1)
  .max(10 ** 12)
const word = z.string().min(1).max(64)
const postingInput = z.object({
  posting_no: word,
  payee: word.optional(),
  bill_no: word,
  account_no: word,
  amount_fen: fen,
  late_fee_fen: fen.optional(),
  rebate_fen: fen.optional(),
  paid_at: z.iso.datetime({ offset: true }),
})
const billInput = z.object({
  bill_no: word,
  account_no: word,
  amount_fen: fen,
  period: word,
  due_on: z.iso.date(),
  title: z.string().max(200).default(''),
})

await app.register(async signed => {
  signed.addHook('preHandler', hmacGuard(caller, around.now))
  signed.addHook('preHandler', async (request, reply) => {
    if (faults.strikes('drop')) {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    if (faults.current.create_delay_ms > 0) await sleep(faults.current.create_delay_ms)
    if (faults.strikes('garbage')) return reply.type('text/html').send('<html><body>502 Bad Gateway</body></html>')
    return undefined
  })
  signed.addHook('onSend', async (request, reply) => {
    // The work is done and journalled by now; only the answer is lost.
    if (request.method !== 'POST' || reply.statusCode >= 300 || !faults.strikes('fail_after_commit')) return undefined
    reply.status(503)
    return JSON.stringify({ code: 'busy', message: 'try again' })
  })

  addProductRoutes(signed, products, faults)
  addTaxInvoices(signed, app, join(around.keysDir, 'biller-invoices.jsonl'), faults, no => books.find(no)?.state === 'POSTED')
  signed.post('/v1/postings', async (request, reply) => {
    const input = postingInput.safeParse(request.body)
    if (!input.success) return reply.status(400).send({ code: 'posting_bad', message: z.prettifyError(input.error) })
    const result = books.post(input.data, faults.strikes('reject') ? 'REFUSED_BY_UTILITY' : undefined)
    if (result.kind === 'conflict') return reply.status(422).send({ code: 'posting_conflict', message: 'number used with other content' })
    return reply.status(result.kind === 'new' ? 201 : 200).send(result.posting)
  })
  signed.get('/v1/postings/:no', async (request, reply) => {
    const posting = books.find((request.params as { no: string }).no)
    return posting ?? reply.status(404).send({ code: 'posting_missing', message: 'no such posting' })
  })
  signed.post('/v1/postings/:no/reverse', async (request, reply) => {
    const { no } = request.params as { no: string }
    const posting = books.reverse(no)
    if (posting) return posting
    return books.find(no)
      ? reply.status(409).send({ code: 'posting_rejected', message: 'a rejected posting has nothing to reverse' })
      : reply.status(404).send({ code: 'posting_missing', message: 'no such posting' })
  })
  signed.get('/v1/bills', async (request, reply) => {
    const account = (request.query as Record<string, string | undefined>).account_no
    return account ? { bills: books.listBills(account) } : reply.status(400).send({ code: 'account_missing', message: 'account_no' })
  })
  signed.get('/v1/check-file', async (request, reply) => {
    const day = z.iso.date().safeParse((request.query as Record<string, string | undefined>).day)
    if (!day.success) return reply.status(400).send({ code: 'day_bad', message: 'day=YYYY-MM-DD' })
    const isOver = day.data < dayOf(bookNow()) || faults.current.statement_today
    if (!isOver || faults.current.check_late)
      return reply.status(404).send({ code: 'check_file_missing', message: 'no file of this day yet' })
    const { payee } = request.query as Record<string, string | undefined>
    return reply.type('text/plain; charset=utf-8').send(books.checkFile(day.data, payee, faults.current))
  })
})

controlFaults(app, faults)
controlProducts(app, products)
app.post('/_control/bills', async (request, reply) => {
  const input = z.object({ bills: z.array(billInput).max(10_000) }).safeParse(request.body)
  if (!input.success) return reply.status(400).send({ error: z.prettifyError(input.error) })
  for (const bill of input.data.bills) books.addBill(bill)
  return { stored: input.data.bills.length }
})
app.post('/_control/now', async (request, reply) => {
  const input = z.object({ now: z.iso.datetime({ offset: true }) }).safeParse(request.body)
  if (!input.success) return reply.status(400).send({ error: z.prettifyError(input.error) })
  bookNow = () => new Date(input.data.now)
  return { now: input.data.now }
})
app.get('/_control/postings', async () => {
  const postings = books.list()
  const standing = postings.filter(posting => posting.state === 'POSTED')
  return { postings, posted_fen: standing.reduce((sum, posting) => sum + posting.amount_fen, 0) }
})

const url = await listen(app, caller.baseUrl)
storeCaller(around.keysDir, 'biller', caller, url)
announce('biller', url, () => app.close())
