import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { ensureCaller, storeCaller } from '../common/caller.ts'
import { hmacGuard } from '../common/hmac.ts'
import { readJson, writeJson } from '../common/keys.ts'
import { announce, controlFaults, listen, sandboxServer, surroundings } from '../common/process.ts'
import { openBankBooks } from './books.ts'
import { noQuirks, type Quirks, takeBack, workOutFile } from './files.ts'

/** Stand-in for a bank that debits by file, as a process of its own with accounts, mandates and files. */
const CODE = 'demobank'
/** Cards nobody told the bank of are opened with this much, so that a demonstration needs no further step. */
const OPENING_FEN = 50_000
/** How long the bank takes over a file, in its own time. */
const WORK_MS = 60_000
const FILE_BYTES_MAX = 512 * 1024

const around = surroundings()
const { faults } = around
const caller = ensureCaller(around.keysDir, 'bank')
const books = openBankBooks(join(around.keysDir, 'bank-journal.jsonl'))
const quirks: Quirks = noQuirks()
const now = () => (quirks.now ? new Date(quirks.now) : around.now())
const desk = { books, quirks, code: CODE, now }
const timers = new Set<NodeJS.Timeout>()

const app = await sandboxServer()
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer', bodyLimit: FILE_BYTES_MAX }, (request, body, done) => {
  request.rawBody = body as Buffer
  done(null, body)
})

/** Works on a file after a while; at once when no time is to pass. */
function workLater(name: string, bytes: Buffer): void {
  const work = () => workOutFile(desk, name, bytes)
  const wait_ms = Math.round(WORK_MS / around.timeScale)
  if (wait_ms < 100) {
    work()
    return
  }
  const timer = setTimeout(() => {
    timers.delete(timer)
    work()
  }, wait_ms)
  timers.add(timer)
}

const mandateInput = z.object({ mandate_no: z.string().min(1).max(20), card: z.string().regex(/^\d{12,19}$/), phone: z.string().max(20) })
const refundInput = z.object({ bank_no: z.string().min(1).max(24), refund_no: z.string().min(1).max(64), amount_fen: z.int().min(1) })
const nameOf = (request: { params: unknown }): string => (request.params as { name: string }).name
const noOf = (request: { params: unknown }): string => (request.params as { no: string }).no

function addMandates(signed: FastifyInstance): void {
  signed.post('/v1/mandates', async (request, reply) => {
    const input = mandateInput.safeParse(request.body)
    if (!input.success) return reply.status(400).send({ code: 'MANDATE_BAD', message: z.prettifyError(input.error) })
    const { mandate_no, card, phone } = input.data
    const known = books.mandates.get(mandate_no)
    if (known)
      return known.card === card ? known : reply.status(409).send({ code: 'MANDATE_CONFLICT', message: 'number used for another card' })
    if (!books.accounts.has(card)) books.record({ type: 'account', account: { card, phone, balance_fen: OPENING_FEN, state: 'open' } })
    const account = books.accounts.get(card)!
    if (account.state !== 'open') return reply.status(409).send({ code: 'ACCOUNT_CLOSED', message: 'the account is not open' })
    if (account.phone !== phone)
      return reply.status(409).send({ code: 'PHONE_MISMATCH', message: 'another telephone is known for this card' })
    const mandate = { mandate_no, card, state: 'ACTIVE' as const }
    books.record({ type: 'mandate', mandate })
    return mandate
  })
  signed.get(
    '/v1/mandates/:no',
    async (request, reply) => books.mandates.get(noOf(request)) ?? reply.status(404).send({ code: 'MANDATE_MISSING' }),
  )
  signed.post('/v1/mandates/:no/end', async (request, reply) => {
    const known = books.mandates.get(noOf(request))
    if (!known) return reply.status(404).send({ code: 'MANDATE_MISSING' })
    if (known.state === 'ACTIVE') books.record({ type: 'mandate', mandate: { ...known, state: 'ENDED' } })
    return books.mandates.get(known.mandate_no)
  })
}

function addFiles(signed: FastifyInstance): void {
  signed.put('/v1/files/out/:name', async (request, reply) => {
    const name = nameOf(request)
    const bytes = request.rawBody ?? Buffer.alloc(0)
    const base64 = bytes.toString('base64')
    const known = books.out.get(name)
    if (known !== undefined)
      return known === base64 ? { name } : reply.status(409).send({ code: 'FILE_CONFLICT', message: 'another file has this name' })
    books.record({ type: 'out', name, base64 })
    workLater(name, bytes)
    return reply.status(201).send({ name })
  })
  signed.get('/v1/files/in', async () => ({
    files: [...books.incoming.values()]
      .filter(file => !file.is_held)
      .map(({ name, base64 }) => ({ name, sha256: createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex') })),
  }))
  signed.get('/v1/files/in/:name', async (request, reply) => {
    const file = books.incoming.get(nameOf(request))
    if (!file || file.is_held) return reply.status(404).send({ code: 'FILE_MISSING' })
    const bytes = Buffer.from(file.base64, 'base64')
    return reply.header('x-sha256', createHash('sha256').update(bytes).digest('hex')).type('application/octet-stream').send(bytes)
  })
  signed.get('/v1/debits/:no', async (request, reply) => {
    const debit = books.debits.get(noOf(request))
    if (!debit) return reply.status(404).send({ code: 'DEBIT_MISSING' })
    const { result, amount_fen, bank_no, at } = debit
    return { result, amount_fen, bank_no, at }
  })
}

function addRefunds(signed: FastifyInstance): void {
  signed.post('/v1/refunds', async (request, reply) => {
    const input = refundInput.safeParse(request.body)
    if (!input.success) return reply.status(400).send({ code: 'REFUND_BAD', message: z.prettifyError(input.error) })
    const known = books.refunds.get(input.data.refund_no)
    const debit = [...books.debits.values()].find(d => d.bank_no === input.data.bank_no)
    if (!debit || debit.return_no)
      return reply.status(409).send({ code: 'NOTHING_TO_REFUND', message: 'no such debit, or it was taken back' })
    const given = [...books.refunds.values()].filter(r => r.bank_no === debit.bank_no).reduce((sum, r) => sum + r.amount_fen, 0)
    if (!known && given + input.data.amount_fen > debit.amount_fen) return reply.status(409).send({ code: 'REFUND_TOO_LARGE', message: '' })
    if (!known) books.record({ type: 'refunded', refund: { ...input.data, at: now().toISOString() } })
    return { ...books.refunds.get(input.data.refund_no), state: 'SUCCESS' }
  })
  signed.get('/v1/refunds/:no', async (request, reply) => {
    const refund = books.refunds.get(noOf(request))
    return refund ? { ...refund, state: 'SUCCESS' } : reply.status(404).send({ code: 'REFUND_MISSING' })
  })
}

function addControls(): void {
  controlFaults(app, faults)
  app.post('/_control/quirks', async request => Object.assign(quirks, request.body as object))
  app.post('/_control/accounts', async request => {
    const { card, ...change } = request.body as { card: string }
    const before = books.accounts.get(card) ?? { phone: '', balance_fen: OPENING_FEN, state: 'open' as const }
    books.record({ type: 'account', account: { ...before, ...change, card } })
    return books.accounts.get(card)
  })
  app.post('/_control/publish', async request => {
    const { name } = (request.body ?? {}) as { name?: string }
    const shown = [...books.incoming.values()].filter(file => file.is_held && (!name || file.name === name))
    for (const file of shown) books.record({ type: 'in', file: { ...file, is_held: false } })
    return { shown: shown.map(file => file.name) }
  })
  app.post('/_control/mend', async request => {
    const { name, out } = request.body as { name: string; out: string }
    quirks.truncate = false
    books.incoming.delete(name)
    workOutFile(desk, out, Buffer.from(books.out.get(out)!, 'base64'))
    return { name }
  })
  app.post('/_control/take_back', async (request, reply) => {
    const { order_no, result = '99' } = request.body as { order_no: string; result?: string }
    return takeBack(desk, order_no, result) ? { order_no } : reply.status(409).send({ error: 'nothing to take back' })
  })
  app.get('/_control/files', async () => ({ files: [...books.incoming.values()].map(({ name, is_held }) => ({ name, is_held })) }))
  app.get('/_control/books', async () => ({
    accounts: [...books.accounts.values()],
    mandates: [...books.mandates.values()],
    debits: [...books.debits.values()],
    refunds: [...books.refunds.values()],
    owed: Object.fromEntries([...new Set([...books.debits.values()].map(d => d.batch_no))].map(no => [no, books.owed(no)])),
  }))
}

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
    if (request.method === 'GET' || reply.statusCode >= 300 || !faults.strikes('fail_after_commit')) return undefined
    reply.status(503)
    return JSON.stringify({ code: 'BUSY', message: 'try again' })
  })
  addMandates(signed)
  addFiles(signed)
  addRefunds(signed)
})
addControls()

const config = join(around.keysDir, 'bank.json')
const url = await listen(app, readJson<{ baseUrl?: string }>(config)?.baseUrl)
storeCaller(around.keysDir, 'bank', caller, url)
writeJson(config, { ...readJson<object>(config), code: CODE })
// A file it was killed over is worked on again: each debit is made once.
for (const [name, base64] of books.out)
  if (![...books.incoming.keys()].some(known => known.startsWith(name.replace(/^YM_/, '').replace(/_O\.txt$/, '_R'))))
    workLater(name, Buffer.from(base64, 'base64'))
announce('bank', url, async () => {
  for (const timer of timers) clearTimeout(timer)
  await app.close()
})
