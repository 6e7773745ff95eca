import { randomBytes } from 'node:crypto'
import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { encodeBase32, isUuid } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import { ENROLMENT_MS, PASSWORD_CHARS_MIN, type Role, readCode, STAFF_CHANGE_MS, WHY_CHARS_MAX } from '../model.ts'
import { hashPassword, NO_PASSWORD } from '../password.ts'
import * as changes from '../store/staff-changes.ts'
import * as store from '../store.ts'
import { base32, findStep, otpauthUrl } from '../totp.ts'
import { billerOf, totpCell } from './staff.ts'

export type ProposedChange =
  | {
      readonly kind: 'role'
      readonly staffId: string
      readonly role: Role
      readonly areaCode?: string
      readonly billerId?: string
      readonly why: string
    }
  | {
      readonly kind: 'open'
      readonly staffId: string
      readonly role: Role
      readonly areaCode?: string
      readonly billerId?: string
      readonly why: string
    }
  | { readonly kind: 'reset' | 'close'; readonly staffId: string; readonly why: string }

/** First pair of eyes: asks for another role, or for new secrets after a loss. Nothing changes yet. */
export async function proposeStaffChange(ctx: Ctx, input: ProposedChange): Promise<Result<{ id: string }>> {
  const may = permit(ctx, 'identity.staff.manage')
  if (!may.ok) return may
  const { tenantId, kernel, actor } = ctx
  const why = input.why.trim().slice(0, WHY_CHARS_MAX)
  if (!why) return fail(errors.reason_missing, undefined, 'why')
  if (!isUuid(input.staffId) || !isUuid(actor.id)) return fail(errors.staff_not_found)
  if (actor.id === input.staffId) return fail(errors.own_role)
  return kernel.db.tx(tenantId, tx => propose(tx, ctx, input, why))
}

async function propose(
  tx: Tx,
  ctx: Ctx,
  input: ProposedChange,
  why: string,
  now = ctx.kernel.clock.now(),
): Promise<Result<{ id: string }>> {
  const { tenantId, actor } = ctx
  const row = await store.takeStaff(tx, tenantId, input.staffId)
  if (!row || (row.disabledAt !== null) !== (input.kind === 'open')) return fail(errors.staff_not_found)
  const [role, areaCode, billerId] = 'role' in input ? [input.role, input.areaCode ?? null, billerOf(input)] : [null, null, null]
  if (role === 'biller' && !billerId) return fail(errors.biller_missing, undefined, 'billerId')
  if (areaCode && !(await store.hasArea(tx, tenantId, areaCode))) return fail(errors.area_unknown, { code: areaCode }, 'areaCode')
  if (input.kind === 'role' && row.role === role && row.areaCode === areaCode && row.billerId === billerId)
    return fail(errors.same_role, undefined, 'role')
  const id = makeId(ctx)
  await changes.closeExpired(tx, tenantId, row.id, now)
  const change = { id, staffId: row.id, kind: input.kind, role, areaCode, billerId, why, proposedBy: actor.id, proposedAt: now }
  if (!(await changes.insertChange(tx, tenantId, { ...change, expiresAt: addMs(now, STAFF_CHANGE_MS) }))) return fail(errors.change_open)
  await append(tx, ctx, events.staffChangeProposed, {
    subjectId: row.id,
    body: { change: id, kind: input.kind, ...(role && { to: role }), why },
  })
  return ok({ id })
}

export interface ProposedAccount {
  readonly username: string
  readonly name: string
  readonly role: Role
  readonly areaCode?: string
  /** Needed for the role `biller`. */
  readonly billerId?: string
  readonly why: string
}

/** First pair of eyes for somebody new. The account stands closed and without secrets until it is approved. */
export async function proposeStaffAccount(ctx: Ctx, input: ProposedAccount): Promise<Result<{ id: string }>> {
  const may = permit(ctx, 'identity.staff.manage')
  if (!may.ok) return may
  const { tenantId, kernel, actor } = ctx
  const why = input.why.trim().slice(0, WHY_CHARS_MAX)
  const name = input.name.normalize('NFC').trim().slice(0, 60)
  const username = input.username.normalize('NFKC').trim().toLowerCase()
  if (!name) return fail(errors.name_missing, undefined, 'name')
  if (!/^[a-z0-9][a-z0-9._-]{1,59}$/.test(username)) return fail(errors.username_malformed, undefined, 'username')
  if (!why) return fail(errors.reason_missing, undefined, 'why')
  if (!isUuid(actor.id)) return fail(errors.staff_not_found)
  if (input.role === 'biller' && !input.billerId) return fail(errors.biller_missing, undefined, 'billerId')
  return catching(() =>
    kernel.db.tx(tenantId, async tx => {
      const now = kernel.clock.now()
      const id = makeId(ctx)
      const { role } = input
      const totpSealed = kernel.vault.seal(tenantId, totpCell(id), randomBytes(20).toString('base64'))
      const row = { id, username, name, role, areaCode: null, billerId: billerOf(input), passwordHash: NO_PASSWORD, totpSealed }
      // One whose proposal ran out keeps nobody from the name.
      await changes.withdrawUnopened(tx, tenantId, username, now)
      if (!(await store.insertStaff(tx, tenantId, row, now))) unwrap(fail(errors.username_taken, undefined, 'username'))
      await store.disableStaff(tx, tenantId, id, now)
      const { areaCode, billerId } = input
      return unwrap(
        await propose(
          tx,
          ctx,
          { kind: 'open', staffId: id, role, why, ...(areaCode && { areaCode }), ...(billerId && { billerId }) },
          why,
          now,
        ),
      )
    }),
  )
}

/**
 * Second pair of eyes: neither who proposed nor whose account it is. A role holds from the next request on every node; what
 * is closed is signed out; what is opened gets an enrolment code;
 * a reset voids the old secrets, ends all sign-ins and answers the enrolment code, which is shown once.
 */
export async function approveStaffChange(ctx: Ctx, input: { readonly changeId: string }): Promise<Result<{ enrolmentCode?: string }>> {
  const may = permit(ctx, 'identity.staff.approve')
  if (!may.ok) return may
  const { tenantId, kernel, actor } = ctx
  if (!isUuid(input.changeId) || !isUuid(actor.id)) return fail(errors.change_not_found)
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const change = await changes.takeOpenChange(tx, tenantId, input.changeId, now)
    const row = change && (await store.takeStaff(tx, tenantId, change.staffId))
    if (!change || !row || (row.disabledAt !== null) !== (change.kind === 'open')) return fail(errors.change_not_found)
    if (actor.id === change.proposedBy || actor.id === change.staffId) return fail(errors.second_person_needed)
    await changes.decideChange(tx, tenantId, change.id, actor.id, 'approved', now)
    await append(tx, ctx, events.staffChangeDecided, {
      subjectId: row.id,
      body: { change: change.id, kind: change.kind, outcome: 'approved' },
    })
    if (change.kind === 'close') {
      await store.disableStaff(tx, tenantId, row.id, now)
      await store.endSessionsOf(tx, tenantId, row.id, now)
      await append(tx, ctx, events.roleChanged, { subjectId: row.id, body: { from: row.role } })
      return ok({})
    }
    if (!change.role) return ok({ enrolmentCode: await issueEnrolment(tx, ctx, row.id, 'approved') })
    const to = { role: change.role, areaCode: change.areaCode, billerId: change.billerId }
    if (change.kind === 'open') {
      await store.openStaff(tx, tenantId, row.id)
      await store.setRole(tx, tenantId, row.id, to)
      await append(tx, ctx, events.roleChanged, { subjectId: row.id, body: { to: change.role } })
      return ok({ enrolmentCode: await issueEnrolment(tx, ctx, row.id, 'approved') })
    }
    await store.setRole(tx, tenantId, row.id, to)
    await append(tx, ctx, events.roleChanged, { subjectId: row.id, body: { from: row.role, to: change.role } })
    return ok({})
  })
}

/** Turns a proposal down; who made it may take it back this way. */
export async function declineStaffChange(ctx: Ctx, input: { readonly changeId: string }): Promise<Result<void>> {
  const may = permit(ctx, ctx.actor.permissions.has('identity.staff.manage') ? 'identity.staff.manage' : 'identity.staff.approve')
  if (!may.ok) return may
  const { tenantId, kernel, actor } = ctx
  if (!isUuid(input.changeId) || !isUuid(actor.id)) return fail(errors.change_not_found)
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const change = await changes.takeOpenChange(tx, tenantId, input.changeId, now)
    if (!change) return fail(errors.change_not_found)
    await changes.decideChange(tx, tenantId, change.id, actor.id, 'declined', now)
    await append(tx, ctx, events.staffChangeDecided, {
      subjectId: change.staffId,
      body: { change: change.id, kind: change.kind, outcome: 'declined' },
    })
    const row = change.kind === 'open' ? await store.takeStaff(tx, tenantId, change.staffId) : undefined
    if (row) await changes.withdrawUnopened(tx, tenantId, row.username, now)
    return ok(undefined)
  })
}

export type StaffChange = changes.ChangeRow

export async function listStaffChanges(ctx: Ctx): Promise<Result<StaffChange[]>> {
  const may = permit(ctx, 'identity.staff.read')
  if (!may.ok) return may
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => changes.listOpenChanges(tx, ctx.tenantId, ctx.kernel.clock.now())))
}

const enrolmentDigest = (kernel: Kernel, code: string): Buffer =>
  kernel.vault.digest('identity.enrolment', code.slice(0, 60).normalize('NFKC').toLowerCase().replace(/[\s-]/g, ''))
const enrolmentCell = (digest: Buffer): string => `identity|enrolment|${digest.toString('hex')}|totp`

/** Voids password, authenticator and sign-ins of an account; answers the code that sets new ones, 80 bits in groups of four. */
async function issueEnrolment(tx: Tx, ctx: Ctx, staffId: string, how: 'approved' | 'operator'): Promise<string> {
  const { tenantId, kernel } = ctx
  const now = kernel.clock.now()
  // Secrets come from the system's own randomness, whatever the kernel was given.
  const code = encodeBase32(randomBytes(10)).replace(/.{4}(?=.)/g, '$&-')
  const digest = enrolmentDigest(kernel, code)
  const seal = (cell: string) => kernel.vault.seal(tenantId, cell, randomBytes(20).toString('base64'))
  await changes.voidEnrolments(tx, tenantId, staffId, now)
  await changes.insertEnrolment(tx, tenantId, { digest, staffId, totpSealed: seal(enrolmentCell(digest)) }, now, addMs(now, ENROLMENT_MS))
  await changes.setSecrets(tx, tenantId, staffId, { passwordHash: NO_PASSWORD, totpSealed: seal(totpCell(staffId)), totpStep: 0 })
  await store.endSessionsOf(tx, tenantId, staffId, now)
  await append(tx, ctx, events.enrolmentIssued, { subjectId: staffId, body: { how } })
  return code
}

/** For whoever runs the machine, when nobody can sign in any more. Undefined when no open account has the name. */
export async function resetStaffByOperator(kernel: Kernel, tenantId: number, username: string): Promise<string | undefined> {
  const ctx = systemCtx(kernel, tenantId, 'operator')
  return kernel.db.tx(tenantId, async tx => {
    const known = await store.findStaffByUsername(tx, tenantId, username)
    const row = known && (await store.takeStaff(tx, tenantId, known.id))
    return row && !row.disabledAt ? issueEnrolment(tx, ctx, row.id, 'operator') : undefined
  })
}

export interface EnrolmentInput {
  readonly username: string
  readonly code: string
}

async function openEnrolment(tx: Tx, ctx: Ctx, input: EnrolmentInput) {
  const { kernel, tenantId } = ctx
  const digest = enrolmentDigest(kernel, input.code)
  const enrolment = await changes.findEnrolment(tx, tenantId, digest, kernel.clock.now())
  const row = enrolment && (await store.takeStaff(tx, tenantId, enrolment.staffId))
  const username = input.username.normalize('NFKC').trim().toLowerCase()
  if (!enrolment || !row || row.disabledAt || row.username !== username) {
    await append(tx, ctx, events.signInFailed, { subjectId: row?.id ?? ctx.requestId, body: { kind: 'staff', why: 'enrolment' } })
    return undefined
  }
  return { digest, row, secret: Buffer.from(kernel.vault.open(tenantId, enrolmentCell(digest), enrolment.totpSealed), 'base64') }
}

/** What the authenticator needs, for whoever holds the code; as often as asked until the code is used. */
export async function startEnrolment(ctx: Ctx, input: EnrolmentInput): Promise<Result<{ totpSecret: string; otpauthUrl: string }>> {
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const found = await openEnrolment(tx, ctx, input)
    if (!found) return fail(errors.enrolment_refused)
    return ok({ totpSecret: base32(found.secret), otpauthUrl: otpauthUrl(found.secret, found.row.username) })
  })
}

/** Sets the password and the authenticator, once it proves to show the right digits. The code is used up. */
export async function finishEnrolment(
  ctx: Ctx,
  input: EnrolmentInput & { readonly password: string; readonly totp: string },
): Promise<Result<void>> {
  const { kernel, tenantId } = ctx
  if (Array.from(input.password).length < PASSWORD_CHARS_MIN)
    return fail(errors.password_too_short, { min: PASSWORD_CHARS_MIN }, 'password')
  const passwordHash = await hashPassword(input.password.slice(0, 200))
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const found = await openEnrolment(tx, ctx, input)
    if (!found) return fail(errors.enrolment_refused)
    const { digest, row, secret } = found
    const totpStep = findStep(secret, readCode(input.totp) ?? '', now, 0)
    if (totpStep === undefined) return fail(errors.second_factor_refused, undefined, 'totp')
    if (!(await changes.useEnrolment(tx, tenantId, digest, now))) return fail(errors.enrolment_refused)
    const totpSealed = kernel.vault.seal(tenantId, totpCell(row.id), secret.toString('base64'))
    await changes.setSecrets(tx, tenantId, row.id, { passwordHash, totpSealed, totpStep })
    await store.endSessionsOf(tx, tenantId, row.id, now)
    const own: Ctx = { ...ctx, actor: { kind: 'staff', id: row.id, permissions: new Set() } }
    await append(tx, own, events.passwordChanged, { subjectId: row.id, body: { by: 'enrolment' } })
    return ok(undefined)
  })
}
