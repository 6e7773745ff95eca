import { randomBytes } from 'node:crypto'
import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { encodeBase32, isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import {
  HALF_SIGNED_IN_MS,
  PASSWORD_CHARS_MIN,
  permissionsOf,
  type Role,
  readCode,
  roles,
  STAFF_FAILURES_MAX,
  STAFF_LOCK_MS,
} from '../model.ts'
import { hashPassword, isPassword } from '../password.ts'
import * as store from '../store.ts'
import { base32, findStep, otpauthUrl } from '../totp.ts'
import { findSession, isToken, noteUse, openSession } from './sessions.ts'

export interface StaffMember {
  readonly id: string
  readonly name: string
  readonly role: Role
  /** Empty until the second factor is done. */
  readonly permissions: ReadonlySet<string>
  readonly area: string | undefined
  /** Whose staff this is; of the role `biller` alone. */
  readonly billerId: string | undefined
  readonly secondFactorDone: boolean
}

export const totpCell = (id: string): string => `identity|staff|${id}|totp`
const asStaff = (ctx: Ctx, id: string): Ctx => ({ ...ctx, actor: { kind: 'staff', id, permissions: new Set() } })
export const isLocked = (row: store.StaffRow, now: Date): boolean => row.lockedUntil !== null && row.lockedUntil > now

/** Counts a failure; the fifth in a row locks the account for a quarter of an hour. */
export async function noteFailure(tx: Tx, ctx: Ctx, row: store.StaffRow, why: 'password' | 'second_factor'): Promise<void> {
  const failures = row.failures + 1
  const locks = failures >= STAFF_FAILURES_MAX
  const until = locks ? addMs(ctx.kernel.clock.now(), STAFF_LOCK_MS) : null
  await store.setFailures(tx, ctx.tenantId, row.id, locks ? 0 : failures, until)
  await append(tx, ctx, events.signInFailed, { subjectId: row.id, body: { kind: 'staff', why } })
  if (locks) await append(tx, ctx, events.staffLocked, { subjectId: row.id, body: { minutes: STAFF_LOCK_MS / 60_000 } })
}

/**
 * First step of a sign-in. Unknown, wrong, locked and disabled give one answer and cost one password check each.
 * The token is good for the second factor only, for ten minutes.
 */
export async function signInStaff(
  ctx: Ctx,
  input: { readonly username: string; readonly password: string },
): Promise<Result<{ token: string; needsSecondFactor: boolean }>> {
  const { kernel, tenantId } = ctx
  const username = input.username.normalize('NFKC').trim().toLowerCase()
  const known = await kernel.db.read(tenantId, tx => store.findStaffByUsername(tx, tenantId, username))
  const isRight = await isPassword(input.password.slice(0, 200), known?.passwordHash)
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const row = known && (await store.takeStaff(tx, tenantId, known.id))
    const refused = !row ? 'unknown' : row.disabledAt ? 'disabled' : isLocked(row, now) ? 'locked' : undefined
    if (!row || refused) {
      await append(tx, ctx, events.signInFailed, {
        subjectId: row?.id ?? ctx.requestId,
        body: { kind: 'staff', why: refused ?? 'unknown' },
      })
      return fail(errors.credentials_refused)
    }
    if (!isRight) {
      await noteFailure(tx, ctx, row, 'password')
      return fail(errors.credentials_refused)
    }
    // The count of failures stands until the second factor is right: a stolen password must not buy new tries.
    return ok({ token: await openSession(tx, ctx, { kind: 'staff', id: row.id, lives_ms: HALF_SIGNED_IN_MS }), needsSecondFactor: true })
  })
}

/** Second step: a code of the authenticator, each good once. Answers a new token; the one given is void from then on. */
export async function confirmSecondFactor(
  ctx: Ctx,
  input: { readonly token: string; readonly code: string },
): Promise<Result<{ token: string }>> {
  const { kernel, tenantId } = ctx
  if (!isToken(input.token)) return fail(errors.second_factor_refused)
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const session = await findSession(tx, kernel, tenantId, 'staff', input.token)
    const row = session && !session.secondFactorAt && (await store.takeStaff(tx, tenantId, session.holderId))
    if (!row || row.disabledAt || isLocked(row, now)) return fail(errors.second_factor_refused)
    const secret = Buffer.from(kernel.vault.open(tenantId, totpCell(row.id), row.totpSealed), 'base64')
    const step = findStep(secret, readCode(input.code) ?? '', now, row.totpStep)
    if (step === undefined || !(await store.useTotpStep(tx, tenantId, row.id, step))) {
      await noteFailure(tx, ctx, row, 'second_factor')
      return fail(errors.second_factor_refused)
    }
    if ((await store.endSession(tx, tenantId, session.digest, now)) !== 1) return fail(errors.second_factor_refused)
    const token = await openSession(tx, ctx, { kind: 'staff', id: row.id, secondFactor: true })
    await append(tx, asStaff(ctx, row.id), events.signedIn, { subjectId: row.id, body: { kind: 'staff' } })
    return ok({ token })
  })
}

/**
 * The member of staff a token stands for. Session, role and account are read from the database each time, so a change
 * of role or an end of the session holds from the next request on every node.
 */
export async function findStaff(kernel: Kernel, tenantId: number, token: string): Promise<StaffMember | undefined> {
  if (!isToken(token)) return undefined
  const found = await kernel.db.read(tenantId, async tx => {
    const session = await findSession(tx, kernel, tenantId, 'staff', token)
    const row = session && (await store.findStaffById(tx, tenantId, session.holderId))
    return row && !row.disabledAt ? { session, row } : undefined
  })
  if (!found) return undefined
  const { session, row } = found
  await noteUse(kernel, tenantId, session)
  const secondFactorDone = session.secondFactorAt !== null
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    permissions: secondFactorDone ? permissionsOf(row.role) : new Set(),
    area: row.areaCode ?? undefined,
    billerId: row.billerId ?? undefined,
    secondFactorDone,
  }
}

/** Only the role that works for one biller has one. */
export const billerOf = ({ role, billerId }: { role: Role; billerId?: string }): string | null => (role === 'biller' && billerId) || null

export interface NewStaff {
  readonly username: string
  readonly name: string
  readonly role: Role
  readonly areaCode?: string
  /** Needed for the role `biller`. */
  readonly billerId?: string
  /** Made up and returned when absent. */
  readonly password?: string
}

/** Shown once to whoever made the account. */
export interface StaffSecrets {
  readonly id: string
  readonly password?: string
  readonly totpSecret: string
  readonly otpauthUrl: string
}

/** Makes an account. Secrets come from the system's own randomness, whatever the kernel was given. */
export async function createStaff(ctx: Ctx, input: NewStaff): Promise<Result<StaffSecrets>> {
  const may = permit(ctx, 'identity.staff.manage')
  if (!may.ok) return may
  if (input.password !== undefined && Array.from(input.password).length < PASSWORD_CHARS_MIN)
    return fail(errors.password_too_short, { min: PASSWORD_CHARS_MIN }, 'password')
  if (input.role === 'biller' && !input.billerId) return fail(errors.biller_missing, undefined, 'billerId')
  const made = input.password === undefined ? encodeBase32(randomBytes(10)) : undefined
  const id = makeId(ctx)
  const secret = randomBytes(20)
  const row = {
    id,
    username: input.username,
    name: input.name,
    role: input.role,
    areaCode: input.areaCode ?? null,
    billerId: billerOf(input),
    passwordHash: await hashPassword(made ?? input.password!),
    totpSealed: ctx.kernel.vault.seal(ctx.tenantId, totpCell(id), secret.toString('base64')),
  }
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (input.areaCode && !(await store.hasArea(tx, ctx.tenantId, input.areaCode)))
      return fail(errors.area_unknown, { code: input.areaCode }, 'areaCode')
    if (!(await store.insertStaff(tx, ctx.tenantId, row, ctx.kernel.clock.now()))) return fail(errors.username_taken, undefined, 'username')
    await append(tx, ctx, events.roleChanged, { subjectId: id, body: { to: input.role } })
    return ok({ id, ...(made && { password: made }), totpSecret: base32(secret), otpauthUrl: otpauthUrl(secret, input.username) })
  })
}

/** Closes an account and ends its sessions. */
export async function disableStaff(ctx: Ctx, input: { readonly staffId: string }): Promise<Result<void>> {
  const may = permit(ctx, 'identity.staff.manage')
  if (!may.ok) return may
  if (ctx.actor.id === input.staffId) return fail(errors.own_role)
  if (!isUuid(input.staffId)) return fail(errors.staff_not_found)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const row = await store.takeStaff(tx, ctx.tenantId, input.staffId)
    if (!row) return fail(errors.staff_not_found)
    const now = ctx.kernel.clock.now()
    if ((await store.disableStaff(tx, ctx.tenantId, row.id, now)) === 0) return ok(undefined)
    await store.endSessionsOf(tx, ctx.tenantId, row.id, now)
    await append(tx, ctx, events.roleChanged, { subjectId: row.id, body: { from: row.role } })
    return ok(undefined)
  })
}

export interface StaffSummary {
  readonly id: string
  readonly username: string
  readonly name: string
  readonly role: Role
  readonly area: string | undefined
  readonly billerId: string | undefined
  readonly isDisabled: boolean
}

export async function listStaff(ctx: Ctx): Promise<Result<StaffSummary[]>> {
  const may = permit(ctx, 'identity.staff.read')
  if (!may.ok) return may
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listStaff(tx, ctx.tenantId))
  return ok(
    rows.map(r => ({
      id: r.id,
      username: r.username,
      name: r.name,
      role: r.role,
      area: r.areaCode ?? undefined,
      billerId: r.billerId ?? undefined,
      isDisabled: r.disabledAt !== null,
    })),
  )
}

/** Names of colleagues by account, for members of staff among themselves. */
export async function listStaffNames(ctx: Ctx, staffIds: readonly string[]): Promise<Map<string, string>> {
  if (ctx.actor.kind !== 'staff') return new Map()
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listStaffByIds(tx, ctx.tenantId, staffIds.filter(isUuid)))
  return new Map(rows.map(row => [row.id, row.name]))
}

const DEMO_NAMES: Readonly<Record<Role, string>> = {
  clerk: '王丽',
  approver: '陈志强',
  manager: '周敏',
  biller: '刘洋',
  'operator-system': '系统管理员',
  'operator-security': '安全管理员',
  'operator-audit': '审计管理员',
}

export interface DemoAccount extends StaffSecrets {
  readonly username: string
  readonly password: string
  readonly role: Role
}

/** One account for each role, for a demonstration, that of a biller for the one named. Returns those made just now: their secrets can be shown only once. */
export async function ensureDemoStaff(kernel: Kernel, tenantId: number, billerId: string): Promise<DemoAccount[]> {
  const ctx = systemCtx(kernel, tenantId, 'identity.demo')
  const known = new Set((await kernel.db.read(tenantId, tx => store.listStaff(tx, tenantId))).map(row => row.username))
  const made: DemoAccount[] = []
  for (const role of roles) {
    if (known.has(role)) continue
    const result = await createStaff(ctx, { username: role, name: DEMO_NAMES[role], role, billerId })
    if (result.ok) made.push({ ...result.value, password: result.value.password!, username: role, role })
  }
  return made
}

/** Those of the demonstration accounts made earlier that still have the password they were made with. */
export async function listUnchangedDemoStaff(kernel: Kernel, tenantId: number, made: readonly DemoAccount[]): Promise<DemoAccount[]> {
  const rows = await kernel.db.read(tenantId, tx => store.listStaff(tx, tenantId))
  const unchanged = await Promise.all(
    made.map(async account => {
      const row = rows.find(known => known.username === account.username)
      return row !== undefined && row.disabledAt === null && isPassword(account.password, row.passwordHash)
    }),
  )
  return made.filter((_, i) => unchanged[i])
}
