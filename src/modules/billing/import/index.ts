import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { sql, type Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { batchImported } from '../events.ts'
import type { BillerConfig } from '../model.ts'
import { findBatch, findBiller, insertBatch } from '../store.ts'
import { guessEncoding } from './encoding.ts'
import { type Mapping, mappingSchema } from './mapping.ts'
import { ERRORS_LISTED_MAX, Faults, type ImportReport, Unreadable } from './report.ts'
import { asInFile, checkHeader, compileRow, readRecord, type Summary } from './row-mapper.ts'
import { clearStage, listClashes, listTwins, mergeAccounts, mergeBills, openStage } from './stage.ts'
import { type RowSink, readText } from './text-reader.ts'
import { readXlsx } from './xlsx-reader.ts'

export interface ImportInput {
  readonly billerId: string
  /** A file on disk, or its bytes; a stream is put aside first, because its hash decides whether it is read at all. */
  readonly path?: string
  readonly stream?: AsyncIterable<Buffer>
  readonly fileName: string
  /** Instead of the biller's own `mappings.bills`. */
  readonly mapping?: unknown
  /** Reads, checks and matches everything, then changes nothing. */
  readonly dryRun?: boolean
  /** When the biller issued these bills; now by default. */
  readonly issuedAt?: Date
  onProgress?(done: { readonly bytes: number; readonly bytesTotal: number; readonly rows: number }): void
}

const FILE_BYTES_MAX = 2 * 2 ** 30
const ROWS_MAX = 5_000_000
const CHUNK_BYTES = 262_144

/** Carries a finished report out of the transaction so that it rolls back. */
class Undone extends Error {
  readonly report: ImportReport
  constructor(report: ImportReport) {
    super(report.outcome)
    this.report = report
  }
}

/**
 * Takes a biller's file in: whole or not at all. Rows that break a rule are listed in the report (`outcome: 'refused'`);
 * the same file again answers `unchanged`. Fails with biller_not_found or mapping_malformed. Memory does not grow with the file.
 */
export async function importBills(ctx: Ctx, input: ImportInput): Promise<Result<ImportReport>> {
  const allowed = permit(ctx, 'billing.batch.import')
  if (!allowed.ok) return allowed
  if (input.path !== undefined) return importFile(ctx, input, input.path)
  const folder = await mkdtemp(join(tmpdir(), 'yimen-import-'))
  try {
    const path = join(folder, 'file')
    await putAside(input.stream ?? [], path)
    return await importFile(ctx, input, path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function putAside(stream: AsyncIterable<Buffer> | Iterable<Buffer>, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  let bytes = 0
  try {
    for await (const chunk of stream) {
      bytes += chunk.length
      // One byte beyond the limit is enough for the size check to refuse the file.
      if (bytes > FILE_BYTES_MAX + chunk.length) break
      await file.writeFile(chunk)
    }
  } finally {
    await file.close()
  }
}

async function importFile(ctx: Ctx, input: ImportInput, path: string): Promise<Result<ImportReport>> {
  const began = performance.now()
  const biller = await ctx.kernel.db.read(ctx.tenantId, tx => findBiller(tx, ctx.tenantId, input.billerId))
  if (!biller) return fail(errors.biller_not_found, undefined, 'biller')
  const mapping = mappingSchema.safeParse(input.mapping ?? biller.config.mappings.bills)
  if (!mapping.success)
    return fail(errors.mapping_malformed, {
      why: mapping.error.issues
        .map(issue => `${issue.path.join('.')}: ${issue.message}`)
        .join('; ')
        .slice(0, 500),
    })
  const bytes = (await stat(path)).size
  const sha256 = await hashOf(path)
  const job: Job = {
    ctx,
    input,
    path,
    bytes,
    sha256,
    config: biller.config,
    mapping: mapping.data,
    took: () => Math.round(performance.now() - began),
  }
  if (bytes > FILE_BYTES_MAX) return ok(reportOf(job, 'refused', { faults: faultOf({ line: 0, code: 'file_too_large' }) }))
  try {
    return ok(await ctx.kernel.db.tx(ctx.tenantId, tx => run(tx, job)))
  } catch (error) {
    if (error instanceof Undone) return ok(error.report)
    throw error
  }
}

interface Job {
  readonly ctx: Ctx
  readonly input: ImportInput
  readonly path: string
  readonly bytes: number
  readonly sha256: Buffer
  readonly config: BillerConfig
  readonly mapping: Mapping
  took(): number
}

interface Progress {
  rows: number
  totalFen: number
  zeroBills: number
  staged: number
}

const faultOf = (...listed: Faults['listed']): Faults => {
  const faults = new Faults()
  for (const fault of listed) faults.add(fault)
  return faults
}

function reportOf(
  job: Job,
  outcome: ImportReport['outcome'],
  found: { faults?: Faults; progress?: Progress } & Partial<ImportReport> = {},
): ImportReport {
  const { faults, progress, ...rest } = found
  return {
    outcome,
    billerId: job.input.billerId,
    fileName: job.input.fileName,
    sha256: job.sha256.toString('hex'),
    rows: progress?.rows ?? 0,
    totalFen: progress?.totalFen ?? 0,
    newBills: 0,
    sameBills: 0,
    zeroBills: progress?.zeroBills ?? 0,
    newAccounts: 0,
    errorCount: faults?.count ?? 0,
    errors: faults?.listed ?? [],
    warningCount: 0,
    warnings: [],
    took_ms: job.took(),
    ...rest,
  }
}

async function run(tx: Tx, job: Job): Promise<ImportReport> {
  const { ctx, input } = job
  // One import per biller at a time: two copies of a file arriving together must not both find it new.
  await tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`billing.import:${ctx.tenantId}:${input.billerId}`}, 0))`)
  const known = await findBatch(tx, ctx.tenantId, input.billerId, job.sha256)
  if (known) return reportOf(job, 'unchanged', { batchId: known.id, rows: known.rows })

  const batchId = makeId(ctx)
  const { faults, progress } = await stageFile(tx, job, batchId)
  if (faults.count > 0) throw new Undone(reportOf(job, 'refused', { faults, progress }))

  const at = input.issuedAt ?? ctx.kernel.clock.now()
  const accounts = await mergeAccounts(tx, ctx, input.billerId, batchId, at)
  const newBills = await mergeBills(tx, ctx.tenantId, input.billerId, batchId, at)
  if (newBills < progress.staged) {
    const clashes = await listClashes(tx, ctx.tenantId, input.billerId, batchId, ERRORS_LISTED_MAX)
    for (const clash of clashes) faults.add({ line: clash.line, code: 'duplicate_conflict', found: clash.billNo })
    faults.count = clashes[0]?.count ?? 0
    if (faults.count > 0) throw new Undone(reportOf(job, 'refused', { faults, progress }))
  }
  const warnings = accounts.mayRepeat ? await warnOfTwins(tx, job, batchId) : new Faults()
  await clearStage(tx, ctx.tenantId, batchId)
  const warned = { warningCount: warnings.count, warnings: warnings.listed }
  const done = { progress, ...warned, newAccounts: accounts.created, newBills, sameBills: progress.staged - newBills, batchId }
  if (input.dryRun) throw new Undone(reportOf(job, 'checked', done))

  const batch = {
    id: batchId,
    billerId: input.billerId,
    fileName: input.fileName,
    sha256: job.sha256,
    rows: progress.rows,
    totalFen: progress.totalFen,
  }
  await insertBatch(tx, ctx.tenantId, { ...batch, at: ctx.kernel.clock.now() })
  await append(tx, ctx, batchImported, {
    subjectId: batchId,
    body: { biller: input.billerId, rows: progress.rows, total_fen: progress.totalFen, sha256: job.sha256.toString('hex') },
  })
  return reportOf(job, 'imported', done)
}

/** A bill that repeats another may be meant, so it is taken in and told; whoever runs the import asks the biller. */
async function warnOfTwins(tx: Tx, { ctx, input }: Job, batchId: string): Promise<Faults> {
  const warnings = new Faults()
  const twins = await listTwins(tx, ctx.tenantId, input.billerId, batchId, ERRORS_LISTED_MAX)
  for (const { line, billNo, otherNo } of twins) warnings.add({ line, code: 'bill_repeated', found: billNo, expected: otherNo })
  warnings.count = twins[0]?.count ?? 0
  return warnings
}

/** Reads the file into the stage, checking every row and the file as a whole. */
async function stageFile(tx: Tx, job: Job, batchId: string): Promise<{ faults: Faults; progress: Progress }> {
  const faults = new Faults()
  const progress: Progress = { rows: 0, totalFen: 0, zeroBills: 0, staged: 0 }
  const summaries: Summary[] = []
  const toBill = compileRow(job.mapping, job.config.account, faults)
  const stage = openStage(tx, job.ctx, batchId)
  let bytes = 0
  const sink: RowSink = {
    row(cells, line) {
      if (++progress.rows > ROWS_MAX) throw new Unreadable({ line, code: 'too_many_rows', expected: String(ROWS_MAX) })
      const bill = toBill(cells, line)
      if (!bill) return
      progress.totalFen += bill.amountFen
      if (bill.amountFen === 0) progress.zeroBills++
      // After the first error nothing will be kept: the rest is read for its errors only.
      else if (faults.count === 0) {
        progress.staged++
        stage.add(bill)
      }
    },
    header: (cells, line) => checkHeader(job.mapping, cells, line, faults),
    record(kind, text, line) {
      const summary = readRecord(job.mapping[kind]!, kind, text, line, faults)
      if (summary) summaries.push(summary)
      else if (kind === 'header_record') throw new Unreadable(faults.listed.at(-1)!)
    },
    fault: fault => faults.add(fault),
    drain() {
      job.input.onProgress?.({ bytes: Math.min(bytes, job.bytes), bytesTotal: job.bytes, rows: progress.rows })
      return stage.drain()
    },
  }
  const hash = createHash('sha256')
  try {
    if (job.mapping.format === 'xlsx') await readXlsx(job.path, job.mapping, sink)
    else
      await readText(
        hashed(job.path, hash, count => {
          bytes = count
        }),
        job.mapping,
        sink,
      )
    if (job.mapping.header_record && faults.count === 0 && summaries.length === 0) faults.add({ line: 1, code: 'header_record' })
    if (faults.count === 0)
      checkWhole(job, job.mapping.format === 'xlsx' ? await hashOf(job.path) : hash.digest(), summaries, progress, faults)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    if (faults.listed.at(-1) !== error.fault) faults.add(error.fault)
  }
  await stage.end()
  return { faults: (await otherEncoding(job, faults)) ?? faults, progress }
}

/** A file in another encoding than agreed breaks everywhere; said once, in place of all that follows from it. */
async function otherEncoding({ path, mapping }: Job, faults: Faults): Promise<Faults | undefined> {
  if (mapping.format === 'xlsx' || faults.count === 0) return undefined
  const found = await guessEncoding(path)
  if (found === 'ZIP') return faultOf({ line: 0, code: 'packed' })
  if (!('encoding' in mapping) || !faults.listed.some(fault => fault.code === 'encoding' || fault.code === 'header_mismatch'))
    return undefined
  return found === undefined || found === mapping.encoding
    ? undefined
    : faultOf({ line: 0, code: 'encoding', found, expected: mapping.encoding })
}

function checkWhole(job: Job, sha256: Buffer, summaries: readonly Summary[], progress: Progress, faults: Faults): void {
  if (!sha256.equals(job.sha256)) faults.add({ line: 0, code: 'file_changed' })
  if (progress.rows === 0) faults.add({ line: 0, code: 'no_rows' })
  for (const { line, count, totalFen, unit } of summaries) {
    if (count !== undefined && count !== progress.rows)
      faults.add({ line, code: 'record_count', found: String(count), expected: String(progress.rows) })
    if (totalFen === undefined || totalFen === progress.totalFen) continue
    // A hundred times too much or too little is no wrong sum but the other unit.
    const isOtherUnit = totalFen === progress.totalFen * 100 || totalFen * 100 === progress.totalFen
    const code = isOtherUnit ? 'record_unit' : 'record_total'
    faults.add({ line, code, found: asInFile(totalFen, unit), expected: `${asInFile(progress.totalFen, unit)} ${unit}` })
  }
}

async function* hashed(path: string, hash: Hash, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
    onBytes(bytes)
    yield chunk
  }
}

async function hashOf(path: string): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES * 4 })) hash.update(chunk)
  return hash.digest()
}
