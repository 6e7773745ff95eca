import { type Ctx, permit } from '#kernel/context.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import { PASSWORD_CHARS_MIN, readCode, SESSION_MS } from '../model.ts'
import { hashPassword, isPassword } from '../password.ts'
import * as changes from '../store/staff-changes.ts'
import * as store from '../store.ts'
import { findStep } from '../totp.ts'
import { tokenDigest } from './sessions.ts'
import { isLocked, noteFailure, totpCell } from './staff.ts'

export interface PasswordInput {
  /** The sign-in this is asked from; it stays, all others end. */
  readonly token: string
  readonly password: string
  readonly newPassword: string
  /** Of the authenticator. */
  readonly code: string
}

/**
 * Changes the caller's own password. The old one and a fresh code of the authenticator are asked for, so that a desk left
 * open is not enough; failures count towards the lock as they do at the sign-in.
 */
export async function changePassword(ctx: Ctx, input: PasswordInput): Promise<Result<{ ended: number }>> {
  const may = permit(ctx, 'identity.password.change')
  if (!may.ok) return may
  const { kernel, tenantId, actor } = ctx
  if (!isUuid(actor.id)) return fail(errors.staff_not_found)
  if (Array.from(input.newPassword).length < PASSWORD_CHARS_MIN)
    return fail(errors.password_too_short, { min: PASSWORD_CHARS_MIN }, 'newPassword')
  if (input.newPassword === input.password) return fail(errors.password_unchanged, undefined, 'newPassword')
  const known = await kernel.db.read(tenantId, tx => store.findStaffById(tx, tenantId, actor.id))
  const isRight = await isPassword(input.password.slice(0, 200), known?.passwordHash)
  const passwordHash = await hashPassword(input.newPassword.slice(0, 200))
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const row = await store.takeStaff(tx, tenantId, actor.id)
    if (!row || row.disabledAt || isLocked(row, now)) return fail(errors.credentials_refused, undefined, 'password')
    if (!isRight || row.passwordHash !== known?.passwordHash) {
      await noteFailure(tx, ctx, row, 'password')
      return fail(errors.credentials_refused, undefined, 'password')
    }
    const secret = Buffer.from(kernel.vault.open(tenantId, totpCell(row.id), row.totpSealed), 'base64')
    const step = findStep(secret, readCode(input.code) ?? '', now, row.totpStep)
    if (step === undefined || !(await store.useTotpStep(tx, tenantId, row.id, step))) {
      await noteFailure(tx, ctx, row, 'second_factor')
      return fail(errors.second_factor_refused, undefined, 'code')
    }
    await changes.setPassword(tx, tenantId, row.id, passwordHash)
    const ended = await changes.endOtherSessionsOf(tx, tenantId, row.id, tokenDigest(kernel, input.token), now)
    await append(tx, ctx, events.passwordChanged, { subjectId: row.id, body: { by: 'own' } })
    return ok({ ended })
  })
}

export interface OwnSession {
  /** Digest of the token in hex: names the sign-in and opens nothing. */
  readonly id: string
  readonly startedAt: Date
  /** Exact to a minute. */
  readonly seenAt: Date
  readonly isCurrent: boolean
}

/** The caller's own sign-ins in force, newest first. */
export async function listOwnSessions(ctx: Ctx, token: string): Promise<Result<OwnSession[]>> {
  const may = permit(ctx, 'identity.session.end')
  if (!may.ok) return may
  const { kernel, tenantId, actor } = ctx
  if (!isUuid(actor.id)) return ok([])
  const now = kernel.clock.now()
  const current = tokenDigest(kernel, token)
  const rows = await kernel.db.read(tenantId, tx => changes.listSessionsOf(tx, tenantId, actor.id, now, addMs(now, -SESSION_MS.staff.idle)))
  return ok(
    rows.map(r => ({ id: r.digest.toString('hex'), startedAt: r.createdAt, seenAt: r.seenAt, isCurrent: r.digest.equals(current) })),
  )
}

/** Ends one sign-in of the caller, or all but the one asked from. Somebody else's is answered like one that never was. */
export async function endOwnSessions(ctx: Ctx, input: { id: string } | { allBut: string }): Promise<Result<{ ended: number }>> {
  const may = permit(ctx, 'identity.session.end')
  if (!may.ok) return may
  const { kernel, tenantId, actor } = ctx
  if (!isUuid(actor.id) || ('id' in input && !/^[0-9a-f]{64}$/.test(input.id))) return fail(errors.session_not_found)
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const ended =
      'id' in input
        ? await changes.endSessionOf(tx, tenantId, actor.id, Buffer.from(input.id, 'hex'), now)
        : await changes.endOtherSessionsOf(tx, tenantId, actor.id, tokenDigest(kernel, input.allBut), now)
    if ('id' in input && ended === 0) return fail(errors.session_not_found)
    if (ended > 0) await append(tx, ctx, events.sessionsEnded, { subjectId: actor.id, body: { ended } })
    return ok({ ended })
  })
}
