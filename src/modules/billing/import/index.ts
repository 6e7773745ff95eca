import { stat } from 'node:fs/promises'
import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { sql, type Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { batchImported } from '../events.ts'
import type { BillerConfig } from '../model.ts'
import { findBatch, findBiller, insertBatch } from '../store.ts'
import { columnsUsed, type Mapping, mappingSchema, whyMalformed } from './mapping.ts'
import { FILE_BYTES_MAX, faultOf, hashOf, type Progressed, readRows, withPutAside } from './read-file.ts'
import { ERRORS_LISTED_MAX, Faults, type ImportReport } from './report.ts'
import { compileRow } from './row-mapper.ts'
import { clearStage, listClashes, listTwins, mergeAccounts, mergeBills, openStage } from './stage.ts'
import { keptOrUndone, Undone } from './undone.ts'

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
  onProgress?: Progressed
}

/**
 * Takes a biller's file in: whole or not at all. Rows that break a rule are listed in the report (`outcome: 'refused'`);
 * the same file again answers `unchanged`. Fails with biller_not_found or mapping_malformed. Memory does not grow with the file.
 */
export async function importBills(ctx: Ctx, input: ImportInput): Promise<Result<ImportReport>> {
  const allowed = permit(ctx, 'billing.batch.import')
  if (!allowed.ok) return allowed
  if (input.path !== undefined) return importFile(ctx, input, input.path)
  return withPutAside(input.stream ?? [], path => importFile(ctx, input, path))
}

async function importFile(ctx: Ctx, input: ImportInput, path: string): Promise<Result<ImportReport>> {
  const began = performance.now()
  const biller = await ctx.kernel.db.read(ctx.tenantId, tx => findBiller(tx, ctx.tenantId, input.billerId))
  if (!biller) return fail(errors.biller_not_found, undefined, 'biller')
  const mapping = mappingSchema.safeParse(input.mapping ?? biller.config.mappings.bills)
  if (!mapping.success) return fail(errors.mapping_malformed, { why: whyMalformed(mapping.error) })
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
  return ok(await keptOrUndone(ctx, tx => run(tx, job)))
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
  const rowFaults = new Faults()
  const progress: Progress = { rows: 0, totalFen: 0, zeroBills: 0, staged: 0 }
  const toBill = compileRow(job.mapping, job.config.account, rowFaults)
  const stage = openStage(tx, job.ctx, batchId)
  const { path, bytes, sha256, mapping, input } = job
  const onProgress = input.onProgress
  const file = { path, bytes, sha256, layout: mapping, used: columnsUsed(mapping.bill), ...(onProgress && { onProgress }) }
  const faults = await readRows(file, rowFaults, {
    row(cells, line) {
      progress.rows++
      const bill = toBill(cells, line)
      if (!bill) return
      progress.totalFen += bill.amountFen
      if (bill.amountFen === 0) progress.zeroBills++
      // After the first error nothing will be kept: the rest is read for its errors only.
      else if (rowFaults.count === 0) {
        progress.staged++
        stage.add(bill)
      }
    },
    drain: () => stage.drain(),
    sumFen: () => progress.totalFen,
  })
  await stage.end()
  return { faults, progress }
}
