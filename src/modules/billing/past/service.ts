import { stat } from 'node:fs/promises'
import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { type Db, firstOf, type Sql, type Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { append, type Check } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { pastImported, shadowCompared } from '../events.ts'
import { readDay } from '../import/cells.ts'
import { type PaymentMapping, paymentColumns, paymentMappingSchema, whyMalformed } from '../import/mapping.ts'
import { FILE_BYTES_MAX, faultOf, hashOf, type Progressed, readRows, withPutAside } from '../import/read-file.ts'
import { ERRORS_LISTED_MAX, Faults, type RowError } from '../import/report.ts'
import { keptOrUndone, Undone } from '../import/undone.ts'
import type { BillerConfig } from '../model.ts'
import { findBiller, listBillers } from '../store.ts'
import { DIFFERENCES, missingDays, type ShadowClass, type Streak, streakOf } from './model.ts'
import { compilePayment, type Days } from './row.ts'
import * as store from './store.ts'

export interface PaymentsFile {
  readonly billerId: string
  /** A file on disk, or its bytes. */
  readonly path?: string
  readonly bytes?: Buffer
  readonly fileName: string
  /** Instead of the biller's own `mappings.payments`. */
  readonly mapping?: unknown
  readonly onProgress?: Progressed
}

interface Report {
  readonly billerId: string
  readonly fileName: string
  readonly sha256: string
  /** Rows read, those that were taken back among them. */
  readonly rows: number
  readonly voidRows: number
  readonly totalFen: number
  readonly errorCount: number
  /** The first of them. */
  readonly errors: readonly RowError[]
  readonly took_ms: number
}

export interface PastReport extends Report {
  /** unchanged: this very file was imported before. refused: nothing was changed, see `errors`. */
  readonly outcome: 'imported' | 'checked' | 'unchanged' | 'refused'
  readonly newPayments: number
  readonly samePayments: number
  /** Account numbers nobody has here yet: theirs is shown once the account is there. */
  readonly unknownAccounts: number
}

export interface ShadowReport extends Report {
  readonly outcome: 'compared' | 'unchanged' | 'refused'
  readonly day: string
  readonly found: Readonly<Record<ShadowClass, number>>
  readonly differences: number
}

const FILE_NAME_CHARS_MAX = 120
const FIRST_DAY = '2000-01-01'

interface Job {
  readonly ctx: Ctx
  readonly input: PaymentsFile
  readonly path: string
  readonly bytes: number
  readonly sha256: Buffer
  readonly account: BillerConfig['account']
  readonly mapping: PaymentMapping
  readonly days: Days
  /** A day may pass without a payment. */
  readonly mayBeEmpty: boolean
  took(): number
}

interface Staged {
  readonly faults: Faults
  readonly rows: number
  readonly voidRows: number
  readonly totalFen: number
}

const reportOf = (job: Job, staged?: Staged): Report => ({
  billerId: job.input.billerId,
  fileName: job.input.fileName,
  sha256: job.sha256.toString('hex'),
  rows: staged?.rows ?? 0,
  voidRows: staged?.voidRows ?? 0,
  totalFen: staged?.totalFen ?? 0,
  errorCount: staged?.faults.count ?? 0,
  errors: staged?.faults.listed ?? [],
  took_ms: job.took(),
})

/** Finds the biller and its layout, then works on the file in one transaction. */
async function withFile<T extends Report>(
  ctx: Ctx,
  input: PaymentsFile,
  about: { readonly days: Days; readonly mayBeEmpty: boolean; readonly needsBillNo: boolean },
  work: (tx: Tx, job: Job) => Promise<T>,
): Promise<Result<T>> {
  const began = performance.now()
  const biller = await ctx.kernel.db.read(ctx.tenantId, tx => findBiller(tx, ctx.tenantId, input.billerId))
  if (!biller) return fail(errors.biller_not_found, undefined, 'biller')
  const declared = input.mapping ?? biller.config.mappings.payments
  if (declared === undefined) return fail(errors.mapping_malformed, { why: 'no layout of payments is declared' })
  const mapping = paymentMappingSchema.safeParse(declared)
  if (!mapping.success) return fail(errors.mapping_malformed, { why: whyMalformed(mapping.error) })
  if (about.needsBillNo && mapping.data.payment.bill_no === undefined)
    return fail(errors.mapping_malformed, { why: 'payment.bill_no: days are compared bill by bill' })
  const run = async (path: string): Promise<Result<T>> => {
    const job: Job = {
      ...{ ctx, input, path, ...about, account: biller.config.account, mapping: mapping.data },
      bytes: (await stat(path)).size,
      sha256: await hashOf(path),
      took: () => Math.round(performance.now() - began),
    }
    return ok(await keptOrUndone(ctx, tx => work(tx, job)))
  }
  return input.path === undefined ? withPutAside(input.bytes ? [input.bytes] : [], run) : run(input.path)
}

/** Reads the file into the stage, checking every row and the file as a whole. */
async function stageFile(tx: Tx, job: Job, batchId: string): Promise<Staged> {
  const { mapping, input, path, bytes, sha256, mayBeEmpty } = job
  if (bytes > FILE_BYTES_MAX) return { faults: faultOf({ line: 0, code: 'file_too_large' }), rows: 0, voidRows: 0, totalFen: 0 }
  const faults = new Faults()
  const toPayment = compilePayment(mapping, job.account, job.days, faults)
  const stage = store.openStage(tx, job.ctx.tenantId, batchId)
  let [rows, voidRows, sumFen, totalFen] = [0, 0, 0, 0]
  const { onProgress } = input
  const file = {
    path,
    bytes,
    sha256,
    mayBeEmpty,
    layout: mapping,
    used: paymentColumns(mapping.payment),
    ...(onProgress && { onProgress }),
  }
  const found = await readRows(file, faults, {
    row(cells, line) {
      rows++
      const payment = toPayment(cells, line)
      if (!payment) return
      sumFen += payment.amountFen
      if (payment.isVoid) voidRows++
      else {
        totalFen += payment.amountFen
        // After the first error nothing will be kept: the rest is read for its errors only.
        if (faults.count === 0) stage.add(payment)
      }
    },
    drain: () => stage.drain(),
    sumFen: () => sumFen,
  })
  await stage.end()
  await store.expectMany(tx)
  return { faults: found, rows, voidRows, totalFen }
}

function addClashes(faults: Faults, clashes: readonly store.Clash[]): void {
  for (const { line, paymentNo } of clashes) faults.add({ line, code: 'payment_repeated', found: paymentNo })
  faults.count = Math.max(faults.count, clashes[0]?.count ?? 0)
}

/**
 * Keeps payments the system before this one took, to be looked up: never booked, never due. Whole or not at all; the same file again
 * changes nothing, and rows known from another file stay as they are.
 */
export async function importPast(ctx: Ctx, input: PaymentsFile & { readonly dryRun?: boolean }): Promise<Result<PastReport>> {
  const allowed = permit(ctx, 'billing.batch.import')
  if (!allowed.ok) return allowed
  const days = { first: FIRST_DAY, last: dayOf(ctx.kernel.clock.now()) }
  return withFile(ctx, input, { days, mayBeEmpty: false, needsBillNo: false }, async (tx, job): Promise<PastReport> => {
    const { tenantId } = ctx
    const { billerId } = input
    const none = { newPayments: 0, samePayments: 0, unknownAccounts: 0 }
    await store.lockPast(tx, tenantId, billerId)
    const known = await store.findBatch(tx, tenantId, billerId, job.sha256)
    if (known) return { ...reportOf(job), ...none, outcome: 'unchanged', rows: known.rows }
    const id = makeId(ctx)
    const staged = await stageFile(tx, job, id)
    const refused = (): PastReport => ({ ...reportOf(job, staged), ...none, outcome: 'refused' })
    if (staged.faults.count > 0) throw new Undone(refused())
    const batch = { id, billerId, fileName: input.fileName.slice(0, FILE_NAME_CHARS_MAX), sha256: job.sha256, rows: staged.rows }
    const { kept, keptFen, unknownAccounts } = await store.keepBatch(tx, tenantId, { ...batch, at: ctx.kernel.clock.now() })
    addClashes(staged.faults, await store.listPastClashes(tx, tenantId, billerId, id, ERRORS_LISTED_MAX))
    if (staged.faults.count > 0) throw new Undone(refused())
    await store.clearStage(tx, tenantId, id)
    const numbers = { newPayments: kept, samePayments: staged.rows - staged.voidRows - kept, unknownAccounts }
    if (input.dryRun) throw new Undone<PastReport>({ ...reportOf(job, staged), ...numbers, outcome: 'checked' })
    const body = { biller: billerId, rows: staged.rows, kept, kept_fen: keptFen, sha256: job.sha256.toString('hex') }
    await append(tx, ctx, pastImported, { subjectId: id, body })
    return { ...reportOf(job, staged), ...numbers, outcome: 'imported' }
  })
}

const NOTHING_FOUND: ShadowReport['found'] = { there_only: 0, here_only: 0, amount: 0, unknown_bill: 0, other_day: 0, settled: 0 }

const differencesOf = (found: ShadowReport['found']): number => DIFFERENCES.reduce((sum, name) => sum + found[name], 0)

/**
 * Takes the old system's payments of a day and holds them against ours, bill by bill. Whole or not at all; the same file again changes
 * nothing, another of the day takes the place of the earlier.
 */
export async function shadowDay(ctx: Ctx, input: PaymentsFile & { readonly day: string }): Promise<Result<ShadowReport>> {
  const allowed = permit(ctx, 'billing.shadow.take')
  if (!allowed.ok) return allowed
  const { day, billerId } = input
  const { tenantId, kernel } = ctx
  if (!isDay(day) || day >= dayOf(kernel.clock.now())) return fail(errors.shadow_day, undefined, 'day')
  return withFile(
    ctx,
    input,
    { days: { first: day, last: day }, mayBeEmpty: true, needsBillNo: true },
    async (tx, job): Promise<ShadowReport> => {
      await store.lockPast(tx, tenantId, billerId)
      const span = { billerId, from: day, to: day }
      const foundNow = async () => {
        const found = (await store.listShadowDays(tx, tenantId, span))[0] ?? NOTHING_FOUND
        return {
          found: Object.fromEntries(Object.keys(NOTHING_FOUND).map(name => [name, found[name as ShadowClass]])) as ShadowReport['found'],
        }
      }
      const known = await store.findShadowFile(tx, tenantId, billerId, day)
      if (known?.sha256.equals(job.sha256)) {
        const { found } = await foundNow()
        return {
          ...reportOf(job),
          rows: known.rows,
          totalFen: known.totalFen,
          day,
          found,
          differences: differencesOf(found),
          outcome: 'unchanged',
        }
      }
      const id = makeId(ctx)
      const staged = await stageFile(tx, job, id)
      addClashes(staged.faults, await store.listRepeated(tx, tenantId, id, ERRORS_LISTED_MAX))
      if (staged.faults.count > 0)
        throw new Undone<ShadowReport>({ ...reportOf(job, staged), day, found: NOTHING_FOUND, differences: 0, outcome: 'refused' })
      const kept = await store.sumStaged(tx, tenantId, id)
      const fileName = input.fileName.slice(0, FILE_NAME_CHARS_MAX)
      const takenBy = ctx.actor.kind === 'system' ? 'system' : ctx.actor.id
      await store.replaceShadow(tx, tenantId, {
        id,
        billerId,
        day,
        ...kept,
        takenAt: kernel.clock.now(),
        fileName,
        sha256: job.sha256,
        takenBy,
      })
      await store.clearStage(tx, tenantId, id)
      const { found } = await foundNow()
      const differences = differencesOf(found)
      const body = { biller: billerId, day, rows: kept.rows, total_fen: kept.totalFen, differences, sha256: job.sha256.toString('hex') }
      await append(tx, ctx, shadowCompared, { subjectId: id, body })
      return { ...reportOf(job, staged), day, found, differences, outcome: 'compared' }
    },
  )
}

const isDay = (text: string): boolean => readDay(text, 'yyyy-MM-dd') === text

export type ShadowDay = store.ShadowDay & { readonly differences: number }

export interface ShadowedBiller {
  readonly billerId: string
  /** The newest first. */
  readonly days: readonly ShadowDay[]
  /** Between the first and the last of them. */
  readonly missing: readonly string[]
  readonly streak: Streak
}

export interface ShadowView {
  readonly billers: readonly ShadowedBiller[]
  /** Billers whose files of payments are declared, with their bills' numbers. */
  readonly declared: readonly string[]
}

/** Days looked at; a row of days without a difference that is longer is not told further back. */
export const SHADOW_DAYS = 62

/** How the days stand between the old system and ours, biller by biller. */
export async function viewShadow(ctx: Ctx): Promise<Result<ShadowView>> {
  const allowed = permit(ctx, 'billing.shadow.read')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  return ctx.kernel.db.read(tenantId, async tx => {
    await store.expectMany(tx)
    const billers: ShadowedBiller[] = []
    for (const { billerId, last } of await store.listShadowBillers(tx, tenantId)) {
      const span = { billerId, from: addDays(last, 1 - SHADOW_DAYS), to: last }
      const days = (await store.listShadowDays(tx, tenantId, span)).map(d => ({ ...d, differences: differencesOf(d) }))
      billers.push({ billerId, days, missing: missingDays(days.map(d => d.day)), streak: streakOf(days) })
    }
    const declared = (await listBillers(tx, tenantId)).filter(b => {
      const layout = paymentMappingSchema.safeParse(b.config.mappings.payments)
      return layout.success && layout.data.payment.bill_no !== undefined
    })
    return ok({ billers, declared: declared.map(b => b.id) })
  })
}

export type ShadowDifference = store.ShadowDifference

export interface ShadowDayView {
  readonly day: ShadowDay
  readonly differences: readonly ShadowDifference[]
  readonly pages: number
}

const SHADOW_PAGE = 50

/** What differs on one day, bill by bill. `page` counts from 1. */
export async function viewShadowDay(ctx: Ctx, billerId: string, day: string, page: number): Promise<Result<ShadowDayView>> {
  const allowed = permit(ctx, 'billing.shadow.read')
  if (!allowed.ok) return allowed
  if (!isDay(day)) return fail(errors.shadow_day_not_found)
  const span = { billerId, from: day, to: day }
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    await store.expectMany(tx)
    const [found] = await store.listShadowDays(tx, ctx.tenantId, span)
    if (!found) return fail(errors.shadow_day_not_found)
    const rows = await store.listShadowDifferences(tx, ctx.tenantId, span, (page - 1) * SHADOW_PAGE, SHADOW_PAGE)
    const differences = differencesOf(found)
    const shown = differences + found.other_day + found.settled
    return ok({ day: { ...found, differences }, differences: rows, pages: Math.ceil(shown / SHADOW_PAGE) })
  })
}

export type PastPayment = store.PastPayment
const PAST_PAGE = 24

/** What the system before took for an account, the newest first. Whoever asks has shown that the account is theirs to see. */
export const listPastPayments = (
  ctx: Ctx,
  accountId: string,
  page = 1,
): Promise<{ readonly payments: readonly PastPayment[]; readonly total: number; readonly pages: number }> =>
  ctx.kernel.db.read(ctx.tenantId, async tx => {
    const payments = await store.listPast(tx, ctx.tenantId, accountId, (page - 1) * PAST_PAGE, PAST_PAGE)
    const total = payments[0]?.total ?? 0
    return { payments, total, pages: Math.ceil(total / PAST_PAGE) }
  })

/** P1 and P2: what was taken from the system before stands whole, as it was taken. */
export async function checkPast(db: Db, tenantId: number): Promise<Check[]> {
  return db.read(tenantId, async tx => {
    const checked = async (id: string, name: string, query: Sql): Promise<Check> => {
      const faults = await tx.rows<Record<string, unknown>>(firstOf(query, 5))
      return { id, name, ok: faults.length === 0, detail: faults.length === 0 ? '' : JSON.stringify(faults) }
    }
    return [
      await checked('P1', 'each file of past payments stands whole', store.sqlPastFaults(tenantId)),
      await checked('P2', 'each day of the old system stands as its file was taken', store.sqlShadowFaults(tenantId)),
    ]
  })
}
