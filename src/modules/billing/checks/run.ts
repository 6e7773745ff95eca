import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { addDays, dayOf, timeOfDay } from '#kernel/time.ts'
import { findFirstDay, listPutOff, partyOf, putOffFile, StatementRefused } from '#modules/payments/index.ts'
import { refuse } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { findPort } from '../service/clients.ts'
import * as bills from '../store.ts'
import { checkLayoutOf, compareCheckFile, endDifferences } from './service.ts'
import * as store from './store.ts'

/** Billers have the file of a day ready from this time of the next: before the day is settled. */
const READY_AT = '08:00'
/** Days back for which a file is still asked for. */
const LOOK_BACK_DAYS = 30
const DAYS_AT_ONCE = 8

/** The newest day whose check file can be expected. */
export const lastCheckDay = (now: Date): string => addDays(dayOf(now), timeOfDay(now) >= READY_AT ? -1 : -2)

async function dueDays(ctx: Ctx, billerId: string): Promise<string[]> {
  const now = ctx.kernel.clock.now()
  const last = lastCheckDay(now)
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const first = await findFirstDay(tx, ctx.tenantId)
    if (!first || first > last) return []
    const days = await store.listMissingDays(tx, ctx.tenantId, billerId, [first, addDays(last, 1 - LOOK_BACK_DAYS)].sort()[1]!, last)
    const waiting = await listPutOff(tx, ctx.tenantId, partyOf(billerId), now)
    return days.filter(day => !waiting.has(day)).slice(0, DAYS_AT_ONCE)
  })
}

/** Fetches the file of a day and compares it; what cannot be had or believed is asked for again later. False then. */
async function fetchDay(ctx: Ctx, billerId: string, day: string): Promise<boolean> {
  const { db } = ctx.kernel
  const port = await db.read(ctx.tenantId, tx => findPort(tx, ctx, billerId))
  if (!port?.fetchCheckFile) return false
  const putOff = (code: string, why: string) => db.tx(ctx.tenantId, tx => putOffFile(tx, ctx, { party: partyOf(billerId), day, code, why }))
  const answer = await port.fetchCheckFile(day)
  if (answer.kind !== 'file') {
    await putOff(`check_${answer.kind}`, answer.kind === 'none' ? '' : answer.why)
    return false
  }
  try {
    const done = await compareCheckFile(ctx, { billerId, day, name: `${billerId}-${day}.txt`, bytes: answer.bytes })
    return done.ok
  } catch (error) {
    if (!(error instanceof StatementRefused)) throw error
    const subject = `${error.code}:${error.line}`
    if (await putOff(error.code, error.message))
      await refuse(db, ctx, { code: errors.check_file_refused.code, place: `check ${billerId} ${day}`, subject })
    return false
  }
}

/** Each morning, by itself: the check file of every due day of every biller that gives one, then every difference that has ended. */
export async function runChecks(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.checks')
  const billers = await kernel.db.read(tenantId, tx => bills.listBillers(tx, tenantId))
  const failures: unknown[] = []
  for (const biller of billers.filter(b => checkLayoutOf(b.config))) {
    try {
      // A host that is away for one day is so for the others; their turn comes with its.
      for (const day of await dueDays(ctx, biller.id)) if (!(await fetchDay(ctx, biller.id, day))) break
      await kernel.db.tx(tenantId, tx => endDifferences(tx, ctx, biller.id))
    } catch (error) {
      // What one biller's file upsets does not keep those after it from theirs.
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return false
}
