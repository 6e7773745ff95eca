import { timingSafeEqual } from 'node:crypto'
import type { Ctx, Kernel } from '#kernel/context.ts'
import { newCode } from '#kernel/id.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import * as events from '../events.ts'
import { KIOSK_VISIT_MS } from '../model.ts'
import * as store from '../store/devices.ts'
import type { Device } from './devices.ts'

/** Why a visit ended, for the record: the person pressed it, nobody was there any more, or another one began. */
export type VisitEnd = 'finished' | 'restarted' | 'idle' | 'replaced'

const digestOf = (kernel: Kernel, visit: string): Buffer => kernel.vault.digest('identity.kiosk_visit', visit)
/** Whose a payment of this visit is. It says nothing of the person and is new for the next. */
const payerOf = (digest: Buffer): string => `kiosk:${digest.toString('hex').slice(0, 32)}`

/** Whose payments the visit a kiosk serves just now makes; undefined between two visitors. */
export const kioskPayer = (device: Device): string | undefined => (device.visitDigest ? payerOf(device.visitDigest) : undefined)

/** A kiosk serves one person at a time: the visit there was is over. Answers what the browser of the kiosk keeps. */
export async function startKioskVisit(ctx: Ctx, device: Device): Promise<{ visit: string; payer: string }> {
  const { kernel, tenantId } = ctx
  const visit = newCode(kernel.random)
  const digest = digestOf(kernel, visit)
  await kernel.db.tx(tenantId, tx => store.setVisit(tx, tenantId, device.id, digest, kernel.clock.now()))
  return { visit, payer: payerOf(digest) }
}

/** The payer of a visit that is still the one being served; undefined for one that ended or was forgotten for too long. */
export function findKioskVisit(kernel: Kernel, device: Device, visit: string): string | undefined {
  const { visitDigest, visitAt } = device
  if (!visitDigest || !visitAt || addMs(visitAt, KIOSK_VISIT_MS) <= kernel.clock.now()) return undefined
  return timingSafeEqual(digestOf(kernel, visit), visitDigest) ? payerOf(visitDigest) : undefined
}

/** Ends whatever visit there is: nothing that its browser kept opens anything any more. */
export async function endKioskVisit(ctx: Ctx, device: Device, why: VisitEnd): Promise<void> {
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const row = await store.take(tx, ctx.tenantId, device.id)
    if (!row?.visitDigest) return
    await store.setVisit(tx, ctx.tenantId, row.id, null, ctx.kernel.clock.now())
    await append(tx, ctx, events.kioskVisitEnded, { subjectId: row.id, body: { why } })
  })
}

/** A slip was printed. */
export const noteSlip = (ctx: Ctx, device: Device): Promise<number> =>
  ctx.kernel.db.tx(ctx.tenantId, tx => store.addSlip(tx, ctx.tenantId, device.id))
