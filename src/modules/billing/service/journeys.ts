import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { databaseFailure, type Tx } from '#kernel/db/index.ts'
import { ok, type Result } from '#kernel/result.ts'
import { addDays, addMs, dayOf, startOfDay } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { journeyBegun, journeyConfirmed, journeyEnded } from '../events.ts'
import * as store from '../store/journeys.ts'

/** How somebody came to a bill: from outside by its code or link, from another page of ours, by a clerk's search. */
export type Way = 'scan' | 'site' | 'desk'

/** Coming back to a bill within this time goes on with the same path. */
const PATH_MS_MAX = 30 * 60_000
/** From bill to payment (效率): what residents were promised. */
export const IN_TIME_S_MAX = 300

/** Whoever pays, for one day: the digest joins the steps of a path, and paths of two days cannot be joined by it. */
const visitorOf = (ctx: Ctx, payer: string): Buffer =>
  ctx.kernel.vault.blind(ctx.tenantId, 'billing.journey', `${dayOf(ctx.kernel.clock.now())}|${payer}`)

/** A page is shown whether or not its step can be written: with the disk full a figure is missing, and bill and receipt can be read. */
async function unlessFailing(ctx: Ctx, step: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!databaseFailure(error)) throw error
    ctx.kernel.log.warn({ err: error, tenantId: ctx.tenantId, step }, 'step of a payment not written')
  }
}

interface Begun {
  readonly payer: string
  readonly billId: string
  readonly place: string
  readonly way: Way
}

/** A bill was shown with the way to pay it. */
export const beginJourney = (ctx: Ctx, input: Begun): Promise<void> => unlessFailing(ctx, 'begun', () => writeBegun(ctx, input))

/** Whoever paid was shown the receipt. */
export const endJourney = (ctx: Ctx, orderId: string): Promise<void> => unlessFailing(ctx, 'ended', () => writeEnded(ctx, orderId))

async function writeBegun(ctx: Ctx, input: Begun): Promise<void> {
  const { db, clock } = ctx.kernel
  const visitor = visitorOf(ctx, input.payer)
  const since = addMs(clock.now(), -PATH_MS_MAX)
  const isOpen = (tx: Tx) => store.findOpenJourney(tx, ctx.tenantId, visitor, [input.billId], since)
  if (await db.read(ctx.tenantId, isOpen)) return
  await db.tx(ctx.tenantId, async tx => {
    const staffId = ctx.actor.kind === 'staff' ? ctx.actor.id : null
    const journey = { id: makeId(ctx), visitor, billId: input.billId, place: input.place, way: input.way, begunAt: clock.now(), staffId }
    await store.insertJourney(tx, ctx.tenantId, journey)
    await append(tx, ctx, journeyBegun, { subjectId: journey.id, body: { bill: input.billId, place: input.place, way: input.way } })
  })
}

/** The path led to an order; in the transaction that places it. */
export async function confirmJourney(tx: Tx, ctx: Ctx, payer: string, billIds: readonly string[], orderId: string): Promise<void> {
  const now = ctx.kernel.clock.now()
  const open = await store.findOpenJourney(tx, ctx.tenantId, visitorOf(ctx, payer), billIds, addMs(now, -PATH_MS_MAX))
  if (!open || (await store.confirmJourney(tx, ctx.tenantId, open.id, orderId, now)) === 0) return
  await append(tx, ctx, journeyConfirmed, { subjectId: open.id, body: { order: orderId } })
}

async function writeEnded(ctx: Ctx, orderId: string): Promise<void> {
  const { db, clock } = ctx.kernel
  const open = await db.read(ctx.tenantId, tx => store.findUnendedJourney(tx, ctx.tenantId, orderId))
  if (!open) return
  await db.tx(ctx.tenantId, async tx => {
    if ((await store.endJourney(tx, ctx.tenantId, open.id, clock.now())) === 1)
      await append(tx, ctx, journeyEnded, { subjectId: open.id, body: { order: orderId } })
  })
}

/** Paths from bill to receipt that began on a day: how far each step was reached, and how long it took. */
export async function viewFunnel(ctx: Ctx, input: { readonly day: string; readonly place?: string }): Promise<Result<store.FunnelRow>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const { day, place = null } = input
  const span = { from: startOfDay(day), to: startOfDay(addDays(day, 1)), place, limit_s: IN_TIME_S_MAX }
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => store.readFunnel(tx, ctx.tenantId, span)))
}
