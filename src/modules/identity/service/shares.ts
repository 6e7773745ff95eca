import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import { type Masked, readPhone, SHARES_MAX } from '../model.ts'
import * as store from '../store.ts'
import { ensurePersonByPhone } from './persons.ts'

export type ShareScope = 'see' | 'pay'

export interface Share {
  readonly id: string
  readonly ownerId: string
  readonly ownerMasked: Masked
  readonly otherId: string
  /** Always the telephone, as the owner typed it: a name would tell whose number it is. */
  readonly otherMasked: Masked
  readonly scope: ShareScope
  readonly grantedAt: Date
}

const mayFor = (ctx: Ctx, ...persons: readonly string[]): Result<void> =>
  ctx.actor.kind === 'resident' && persons.includes(ctx.actor.id) ? ok(undefined) : permit(ctx, 'identity.share.manage')

/**
 * Lets another resident act for the owner: `pay` includes `see`. The other is found by telephone, or entered with it,
 * so that the answer does not tell whether they were known. Granting twice changes nothing.
 */
export async function shareWith(
  ctx: Ctx,
  input: { readonly ownerId: string; readonly phone: string; readonly scope?: ShareScope },
): Promise<Result<{ id: string }>> {
  const may = mayFor(ctx, input.ownerId)
  if (!may.ok) return may
  const phone = readPhone(input.phone)
  if (!phone) return fail(errors.phone_malformed, undefined, 'phone')
  if (!isUuid(input.ownerId)) return fail(errors.person_not_found)
  const { tenantId, kernel } = ctx
  return kernel.db.tx(tenantId, async tx => {
    // The lock makes parallel grants count one after the other.
    if (!(await store.lockPerson(tx, tenantId, input.ownerId))) return fail(errors.person_not_found)
    const given = (await store.listShares(tx, tenantId, input.ownerId)).filter(s => s.ownerId === input.ownerId)
    if (given.length >= SHARES_MAX) return fail(errors.too_many_shares, { max: SHARES_MAX })
    const other = await ensurePersonByPhone(tx, ctx, phone, 'share')
    if (other.id === input.ownerId) return fail(errors.share_with_self, undefined, 'phone')
    const known = given.find(s => s.otherId === other.id)
    if (known) return ok({ id: known.id })
    const share = { id: makeId(ctx), ownerId: input.ownerId, otherId: other.id, scope: input.scope ?? 'pay', grantedAt: kernel.clock.now() }
    await store.insertShare(tx, tenantId, share)
    await append(tx, ctx, events.shareGranted, { subjectId: input.ownerId, body: { share: share.id, other: other.id, scope: share.scope } })
    return ok({ id: share.id })
  })
}

/** Shares given and received, those in force. */
export async function listShares(ctx: Ctx, personId: string): Promise<Result<{ given: Share[]; received: Share[] }>> {
  const may = mayFor(ctx, personId)
  if (!may.ok) return may
  if (!isUuid(personId)) return fail(errors.person_not_found)
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listShares(tx, ctx.tenantId, personId))
  const shares = rows.map(({ ownerMask, otherMask, ...share }): Share => ({ ...share, ownerMasked: ownerMask, otherMasked: otherMask }))
  return ok({ given: shares.filter(s => s.ownerId === personId), received: shares.filter(s => s.otherId === personId) })
}

/** Ends a share at once; owner and other both can. Anybody else is told it does not exist. */
export async function revokeShare(ctx: Ctx, input: { readonly shareId: string }): Promise<Result<void>> {
  if (ctx.actor.kind !== 'resident') {
    const may = permit(ctx, 'identity.share.manage')
    if (!may.ok) return may
  }
  if (!isUuid(input.shareId)) return fail(errors.share_not_found)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const share = await store.findShareById(tx, ctx.tenantId, input.shareId)
    if (!share || !mayFor(ctx, share.ownerId, share.otherId).ok) return fail(errors.share_not_found)
    if ((await store.revokeShare(tx, ctx.tenantId, share.id, ctx.kernel.clock.now())) === 1)
      await append(tx, ctx, events.shareRevoked, { subjectId: share.ownerId, body: { share: share.id, other: share.otherId } })
    return ok(undefined)
  })
}

/** Whether `actorId` may do this for `ownerId` now: oneself always, others by a share. */
export async function canActFor(
  tx: Tx,
  ctx: Ctx,
  input: { readonly actorId: string; readonly ownerId: string; readonly scope: ShareScope },
): Promise<boolean> {
  if (input.actorId === input.ownerId) return true
  const share = await store.findShare(tx, ctx.tenantId, input.ownerId, input.actorId)
  return share !== undefined && (share.scope === 'pay' || input.scope === 'see')
}
