import { type Ctx, type Kernel, permit } from '#kernel/context.ts'
import { databaseFailure, type Tx } from '#kernel/db/index.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { SEEN_MS, SESSION_MS } from '../model.ts'
import * as store from '../store.ts'

const DISK_FULL = 'database.disk_full'
const TOKEN = /^[0-9a-z]{52}$/

export const tokenDigest = (kernel: Kernel, token: string): Buffer => kernel.vault.digest('identity.session', token)
export const isToken = (text: string): boolean => TOKEN.test(text)

/** A new sign-in with a token nobody held before; returns the token, which is shown once and kept nowhere. */
export async function openSession(
  tx: Tx,
  ctx: Ctx,
  holder: { kind: 'resident' | 'staff'; id: string; secondFactor?: boolean; lives_ms?: number },
): Promise<string> {
  const { kernel, tenantId } = ctx
  const token = newCode(kernel.random, 256)
  const now = kernel.clock.now()
  await store.insertSession(tx, tenantId, {
    digest: tokenDigest(kernel, token),
    kind: holder.kind,
    holderId: holder.id,
    secondFactorAt: holder.secondFactor ? now : null,
    seenAt: now,
    expiresAt: addMs(now, holder.lives_ms ?? SESSION_MS[holder.kind].whole),
  })
  return token
}

export function findSession(
  tx: Tx,
  kernel: Kernel,
  tenantId: number,
  kind: 'resident' | 'staff',
  token: string,
): Promise<store.SessionRow | undefined> {
  const now = kernel.clock.now()
  return store.findSession(tx, tenantId, kind, tokenDigest(kernel, token), now, addMs(now, -SESSION_MS[kind].idle))
}

/** Notes that a session is in use, at most once a minute so that reading pages stays free of writes. */
export async function noteUse(kernel: Kernel, tenantId: number, session: store.SessionRow): Promise<void> {
  const now = kernel.clock.now()
  if (now.getTime() - session.seenAt.getTime() < SEEN_MS) return
  try {
    await kernel.db.tx(tenantId, tx => store.touchSession(tx, tenantId, session.digest, now))
  } catch (error) {
    // With no room to write reading goes on; the sign-in just ends a little earlier.
    if (databaseFailure(error)?.code !== DISK_FULL) throw error
  }
}

/** Ends the sign-in a token stands for; an unknown token is already signed out. */
export async function signOut(kernel: Kernel, tenantId: number, token: string): Promise<void> {
  if (!isToken(token)) return
  await kernel.db.tx(tenantId, tx => store.endSession(tx, tenantId, tokenDigest(kernel, token), kernel.clock.now()))
}

/** Ends every sign-in of the calling member of staff: on a shared desk the safe meaning of signing out. */
export async function signOutEverywhere(ctx: Ctx): Promise<Result<{ ended: number }>> {
  const may = permit(ctx, 'identity.session.end')
  if (!may.ok) return may
  if (!isUuid(ctx.actor.id)) return ok({ ended: 0 })
  const ended = await ctx.kernel.db.tx(ctx.tenantId, tx => store.endSessionsOf(tx, ctx.tenantId, ctx.actor.id, ctx.kernel.clock.now()))
  return ok({ ended })
}

const DAY_MS = 86_400_000

/** Removes codes and counters older than a day and sessions over for 90 days. */
export function purgeSignIns(kernel: Kernel, tenantId: number): Promise<number> {
  const now = kernel.clock.now()
  return kernel.db.tx(tenantId, tx => store.purge(tx, tenantId, addMs(now, -2 * DAY_MS), addMs(now, -90 * DAY_MS)))
}
