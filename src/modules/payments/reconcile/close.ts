import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { addDays, addMs, dayOf, daysBetween, startOfDay, timeOfDay } from '#kernel/time.ts'
import { refuse } from '#modules/trail/index.ts'
import { findChannel, listChannels } from '../channels.ts'
import { errors } from '../errors.ts'
import { askAgainAfterMs } from '../model.ts'
import { StatementRefused, StatementUnavailable } from '../ports.ts'
import * as payments from '../store.ts'
import { workBreak } from './breaks.ts'
import { CARRY_DAYS } from './model.ts'
import { reconcileStatement } from './service.ts'
import * as store from './store.ts'

/** Channels have the statement of a day ready from this time of the next. */
const READY_AT = '10:00'
/** Days back for which a statement is still asked for. */
const LOOK_BACK_DAYS = 30
const DAYS_AT_ONCE = 8
const BREAKS_AT_ONCE = 50

/** The newest day whose statement can be expected. */
export const lastReadyDay = (now: Date): string => addDays(dayOf(now), timeOfDay(now) >= READY_AT ? -1 : -2)

/** Days of a channel, oldest first, that have no statement and are due to be asked for. */
async function dueDays(ctx: Ctx, channel: string): Promise<string[]> {
  const now = ctx.kernel.clock.now()
  const last = lastReadyDay(now)
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const merchant = await payments.findMerchant(tx, ctx.tenantId, channel)
    if (!merchant) return []
    const from = [dayOf(merchant.openedAt), addDays(last, 1 - LOOK_BACK_DAYS)].sort()[1]!
    const account = { channel, mchid: merchant.mchid }
    return store.listDueDays(tx, ctx.tenantId, account, { from, to: last, now, limit: DAYS_AT_ONCE })
  })
}

/**
 * Closes one day of a channel: fetches its statement and compares it. A channel that has none is believed when the books
 * have none either, or when it still says so days later: then everything booked is a break.
 */
async function closeDay(ctx: Ctx, code: string, day: string): Promise<boolean> {
  const channel = findChannel(ctx.tenantId, code)
  if (!channel) return false
  const { db, clock } = ctx.kernel
  try {
    const { raw, name } = await channel.fetchStatement(day)
    await reconcileStatement(ctx, { channel: code, day, file: { name, pieces: () => [raw] } })
    return true
  } catch (error) {
    if (error instanceof StatementUnavailable && error.reason === 'none' && (await isNoneBelieved(ctx, code, day))) {
      await reconcileStatement(ctx, { channel: code, day, file: undefined })
      return true
    }
    if (!(error instanceof StatementUnavailable || error instanceof StatementRefused)) throw error
    const failure = error instanceof StatementRefused ? error.code : `statement_${error.reason}`
    const isNew = await db.tx(ctx.tenantId, tx =>
      store.waitForStatement(tx, ctx.tenantId, { channel: code, day, code: failure, why: error.message.slice(0, 200) }, tries =>
        addMs(clock.now(), askAgainAfterMs(tries + 5)),
      ),
    )
    if (isNew && error instanceof StatementRefused)
      await refuse(db, ctx, {
        code: errors.statement_refused.code,
        place: `reconcile ${code} ${day}`,
        subject: `${error.code}:${error.line}`,
      })
    return false
  }
}

async function isNoneBelieved(ctx: Ctx, channel: string, day: string): Promise<boolean> {
  if (daysBetween(day, dayOf(ctx.kernel.clock.now())) > CARRY_DAYS) return true
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const merchant = await payments.findMerchant(tx, ctx.tenantId, channel)
    if (!merchant) return false
    const span = { clearing: merchant.clearingAccountId, from: startOfDay(day), to: startOfDay(addDays(day, 1)) }
    return !(await store.hasMovements(tx, ctx.tenantId, span))
  })
}

/** The daily close, by itself: every due day of every channel, then every break the system can look after. */
export async function runClose(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'payments.close')
  for (const channel of listChannels(tenantId)) for (const day of await dueDays(ctx, channel)) await closeDay(ctx, channel, day)
  const now = kernel.clock.now()
  const due = await kernel.db.tx(tenantId, tx => store.takeDueBreaks(tx, tenantId, now, addMs(now, 60_000), BREAKS_AT_ONCE))
  for (const b of due) await workBreak(ctx, b)
  return due.length === BREAKS_AT_ONCE
}
