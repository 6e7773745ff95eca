import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { addMs } from '#kernel/time.ts'
import { askAgainAfterMs } from '../model.ts'
import { closeSettled, isSealDue, returnDueAt, sealBatch, sendBatch, transitOf } from './batches.ts'
import { takeFile } from './files.ts'
import { workMandates } from './mandates.ts'
import { BATCH, RETURN_H_MAX, ROW } from './model.ts'
import { type DebitBank, findDebitBank } from './ports.ts'
import { fail, settleRow } from './settle.ts'
import * as store from './store.ts'

const BATCHES_MAX = 50
/** Files of the bank looked at in one round. */
const FILES_MAX = 200
/** Rows asked after one by one in one round: what a return left out, not a substitute for it. */
const ASKED_MAX = 100
/** Questions about a batch begin a minute apart and become hourly. */
const FIRST_ASK = 3

/** Takes every file the bank holds for us that is not known by its digest. A file that changed on the way is fetched again. */
async function fetchFiles(ctx: Ctx, bank: DebitBank): Promise<void> {
  const listed = await bank.listFiles()
  if (listed.kind === 'unknown') return
  const files = listed.files.slice(-FILES_MAX)
  const digests = files.map(file => Buffer.from(file.sha256, 'hex'))
  const known = await ctx.kernel.db.read(ctx.tenantId, tx => store.knownDigests(tx, ctx.tenantId, bank.code, digests))
  for (const { name, sha256 } of files) {
    if (known.has(sha256)) continue
    const got = await bank.getFile(name)
    if (got.kind === 'file') await takeFile(ctx, bank.code, name, got.bytes)
  }
}

/** Asks the bank about each debit its return left out, or that it has not answered in time. */
async function askRows(ctx: Ctx, bank: DebitBank, batch: store.BatchRow): Promise<void> {
  const { db, clock } = ctx.kernel
  const now = clock.now()
  const isLate = batch.sealedAt !== null && now >= returnDueAt(batch.sealedAt, RETURN_H_MAX)
  if (batch.state !== BATCH.returned && !isLate) return
  const until = addMs(now, askAgainAfterMs(batch.tries + FIRST_ASK))
  if (!(await db.tx(ctx.tenantId, tx => store.takeTurn(tx, ctx.tenantId, batch.id, now, until)))) return
  const rows = (await db.read(ctx.tenantId, tx => store.listRows(tx, ctx.tenantId, batch.id))).filter(row => row.state === ROW.unknown)
  const source = { fileId: batch.id, day: batch.day, mchid: transitOf(batch), line: null }
  for (const row of rows.slice(0, ASKED_MAX)) {
    const answer = await bank.queryDebit(row.orderNo)
    if (answer.kind === 'unknown') continue
    await db.tx(ctx.tenantId, async tx => {
      if (answer.kind === 'known') await settleRow(tx, ctx, row.attemptId, answer.fact, source)
      // Only of a batch it has answered can the bank say that a debit was never in it.
      else if (batch.state === BATCH.returned) await fail(tx, ctx, row, 'not_received')
      await closeSettled(tx, ctx, batch.id)
    })
  }
}

/**
 * One round with the bank: mandates, drafts whose hour has come, files out, files in, and questions about what is missing. Each
 * step can be broken off anywhere and done again. True when more may be due at once.
 */
export async function runDebitExchange(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'payments.debit')
  const bank = findDebitBank(tenantId)
  if (!bank) return false
  const hasMore = await workMandates(ctx)
  const list = () => kernel.db.read(tenantId, tx => store.listOpenBatches(tx, tenantId, BATCHES_MAX))
  for (const batch of await list()) if (batch.state === BATCH.draft && isSealDue(kernel.clock.now(), batch)) await sealBatch(ctx, batch.id)
  for (const batch of await list()) if (batch.state === BATCH.sealed) await sendBatch(ctx, bank, batch)
  await fetchFiles(ctx, bank)
  for (const batch of await list()) await askRows(ctx, bank, batch)
  return hasMore
}
