import { createHash } from 'node:crypto'
import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { append, refuse } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { debitFileTaken } from '../events.ts'
import { StatementRefused } from '../ports.ts'
import { closeSettled, keepFile, moveBatch, transitOf } from './batches.ts'
import { type AckRow, type BackRow, type DebitFile, instantOf, parseFile, type ReturnRow } from './layout.ts'
import { BATCH, failureOf, RESULT_OK, ROW } from './model.ts'
import { openBreak, type Source, settleRow, takeBack } from './settle.ts'
import * as store from './store.ts'

/**
 * `taken`: its effects are booked, once. `known`: the same bytes were dealt with before. `parked`: it speaks of debits whose return
 * has not come yet, and is to be offered again. `refused`: not a byte of it counts.
 */
export type FileTaken = 'taken' | 'known' | 'parked' | 'refused'

/** Deals with one file of the bank, whole and in one transaction. */
export async function takeFile(ctx: Ctx, bank: string, name: string, bytes: Buffer): Promise<FileTaken> {
  let file: DebitFile
  try {
    file = parseFile(bytes)
  } catch (error) {
    if (!(error instanceof StatementRefused)) throw error
    return refuseFile(ctx, bank, name, bytes, error.code)
  }
  if (file.bank !== bank || file.kind === 'O') return refuseFile(ctx, bank, name, bytes, 'not_ours')
  const taken = await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (await isKnown(tx, ctx, bank, bytes)) return 'known'
    const { kind, rows } = file as DebitFile<'A' | 'B' | 'R'>
    if (kind === 'B') return takeBacks(tx, ctx, file as DebitFile<'B'>, name, bytes)
    const batch = await store.findBatchByNo(tx, ctx.tenantId, bank, file.batchNo)
    if (!batch || batch.state === BATCH.draft) return 'not_ours'
    const id = makeId(ctx)
    const totalFen = totalOf(rows)
    if (!(await keepFile(tx, ctx, { id, bank, kind, name, batchId: batch.id, rows: rows.length, totalFen, refused: null, bytes })))
      return 'known'
    if (kind === 'A') await takeAck(tx, ctx, batch, rows as readonly AckRow[])
    else await takeReturn(tx, ctx, batch, id, rows as readonly ReturnRow[])
    await append(tx, ctx, debitFileTaken, { subjectId: id, body: { kind, batch: batch.id, rows: rows.length, total_fen: totalFen } })
    return 'taken'
  })
  return taken === 'not_ours' ? refuseFile(ctx, bank, name, bytes, taken) : taken
}

const totalOf = (rows: readonly object[]): number =>
  rows.reduce((sum, row) => sum + ('amountFen' in row ? (row.amountFen as number) : 0), 0)

async function isKnown(tx: Tx, ctx: Ctx, bank: string, bytes: Buffer): Promise<boolean> {
  return (await store.knownDigests(tx, ctx.tenantId, bank, [createHash('sha256').update(bytes).digest()])).size > 0
}

/** Keeps a file that says nothing, so that people see it, and puts the refusal on the trail once. */
async function refuseFile(ctx: Ctx, bank: string, name: string, bytes: Buffer, why: string): Promise<FileTaken> {
  const isNew = await ctx.kernel.db.tx(ctx.tenantId, tx =>
    keepFile(tx, ctx, { bank, kind: '?', name, batchId: null, rows: 0, totalFen: 0, refused: why, bytes }),
  )
  if (isNew)
    await refuse(ctx.kernel.db, ctx, {
      code: errors.debit_file_refused.code,
      place: `debit ${bank}`,
      subject: `${name.slice(0, 60)}:${why}`,
    })
  return isNew ? 'refused' : 'known'
}

/** The bank says whether it has a file as we made it. One it does not have is sent again. */
async function takeAck(tx: Tx, ctx: Ctx, batch: store.BatchRow, rows: readonly AckRow[]): Promise<void> {
  const [ack] = rows
  const isOurs = ack?.sha256 === batch.sha256?.toString('hex')
  await moveBatch(tx, ctx, batch.id, ack?.result === RESULT_OK && isOurs ? 'acked' : 'nacked')
}

/** A day in Shanghai and a clock time; a bank that leaves them out means the moment we read its file. */
const atOf = (ctx: Ctx, row: ReturnRow): Date => instantOf(row.at) ?? ctx.kernel.clock.now()

async function takeReturn(tx: Tx, ctx: Ctx, batch: store.BatchRow, fileId: string, lines: readonly ReturnRow[]): Promise<void> {
  await store.lockBatch(tx, ctx.tenantId, batch.id)
  const own = new Map((await store.listRows(tx, ctx.tenantId, batch.id)).map(row => [row.orderNo, row]))
  const source: Source = { fileId, day: batch.day, mchid: transitOf(batch), line: null }
  // In the order of their attempts, as everybody else locks them.
  const stated = lines.map((line, i) => ({ line, at: i + 2, row: own.get(line.orderNo) }))
  stated.sort((a, b) => ((a.row?.attemptId ?? '') < (b.row?.attemptId ?? '') ? -1 : 1))
  for (const { line, at, row } of stated) {
    const { result, amountFen, bankNo } = line
    if (row) await settleRow(tx, ctx, row.attemptId, { result, amountFen, bankNo, at: atOf(ctx, line) }, { ...source, line: at })
    else await openUnknown(tx, ctx, { ...source, line: at }, line)
  }
  await moveBatch(tx, ctx, batch.id, 'returned')
  for (const row of await store.listRows(tx, ctx.tenantId, batch.id)) {
    if (row.state !== ROW.unknown) continue
    await openBreak(tx, ctx, source, {
      ...{ class: 'debit_missing', severity: 2, orderNo: row.orderNo, about: row.attemptId },
      ...{ statedFen: null, bookedFen: row.amountFen, at: batch.sealedAt ?? batch.openedAt },
    })
  }
  await closeSettled(tx, ctx, batch.id)
}

const openUnknown = (tx: Tx, ctx: Ctx, source: Source, line: ReturnRow): Promise<void> =>
  openBreak(tx, ctx, source, {
    ...{ class: 'debit_unknown', severity: line.result === RESULT_OK ? 1 : 3, orderNo: line.orderNo || `line ${source.line}`, about: null },
    ...{ statedFen: line.amountFen, bookedFen: null, at: atOf(ctx, line) },
  })

/** Debits taken back since. The whole file waits until the return of each debit it speaks of is in. */
async function takeBacks(tx: Tx, ctx: Ctx, file: DebitFile<'B'>, name: string, bytes: Buffer): Promise<FileTaken> {
  const { tenantId } = ctx
  const { bank, rows } = file
  const own = new Map(
    (
      await store.listRowsByNo(
        tx,
        tenantId,
        rows.map(row => row.orderNo),
      )
    ).map(row => [row.orderNo, row]),
  )
  if (rows.some(row => own.get(row.orderNo)?.state === ROW.unknown)) return 'parked'
  const id = makeId(ctx)
  const totalFen = totalOf(rows)
  if (!(await keepFile(tx, ctx, { id, bank, kind: 'B', name, batchId: null, rows: rows.length, totalFen, refused: null, bytes })))
    return 'known'
  const stated = rows.map((line, i) => ({ line, at: i + 2, row: own.get(line.orderNo) }))
  stated.sort((a, b) => ((a.row?.attemptId ?? '') < (b.row?.attemptId ?? '') ? -1 : 1))
  for (const { line, at, row } of stated) await takeOneBack(tx, ctx, { id, bank, day: isoDay(file.day), at }, line, row)
  await append(tx, ctx, debitFileTaken, { subjectId: id, body: { kind: 'B', rows: rows.length, total_fen: totalFen } })
  return 'taken'
}

const isoDay = (day: string): string => `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}`

async function takeOneBack(
  tx: Tx,
  ctx: Ctx,
  file: { readonly id: string; readonly bank: string; readonly day: string; readonly at: number },
  line: BackRow,
  row: store.DebitRow | undefined,
): Promise<void> {
  const batch = row && (await store.findBatch(tx, ctx.tenantId, row.batchId))
  const source: Source = { fileId: file.id, day: batch?.day ?? file.day, mchid: batch ? transitOf(batch) : file.bank, line: file.at }
  if (!row) return openUnknown(tx, ctx, source, { ...line, result: RESULT_OK })
  const { returnNo, amountFen } = line
  await takeBack(tx, ctx, row.attemptId, { returnNo, amountFen, at: atOf(ctx, line), failure: failureOf(line.result) }, source)
}
