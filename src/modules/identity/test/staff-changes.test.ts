import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ctx, Kernel } from '#kernel/context.ts'
import { systemCtx } from '#kernel/context.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import type { Result } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import {
  approveStaffChange,
  changePassword,
  confirmSecondFactor,
  createStaff,
  declineStaffChange,
  endOwnSessions,
  findStaff,
  finishEnrolment,
  listOwnSessions,
  listStaffChanges,
  permissionsOf,
  proposeStaffChange,
  type Role,
  resetStaffByOperator,
  signInStaff,
  startEnrolment,
} from '../index.ts'
import { codeOf, eventTypes, visitor } from './support.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const codeOfError = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code)
const given = <T>(result: Result<T>): T => (result.ok ? result.value : assert.fail(result.error.code))

interface Member {
  readonly id: string
  readonly username: string
  password: string
  totpSecret: string
  readonly ctx: Ctx
}

async function staffed(
  work: (kernel: Kernel, clock: ReturnType<typeof manualClock>, make: (role: Role) => Promise<Member>) => Promise<void>,
) {
  const clock = manualClock('2026-03-02T02:00:00Z')
  let n = 0
  await withTestDb(
    kernel =>
      work(kernel, clock, async role => {
        const username = `${role}-${++n}`
        const { id, password, totpSecret } = given(
          await createStaff(systemCtx(kernel, 1, 'test'), { username, name: `员工${n}`, role, billerId: 'water' }),
        )
        return { id, username, password: password!, totpSecret, ctx: testCtx(kernel, { id, permissions: permissionsOf(role) }) }
      }),
    { clock },
  )
}

const signIn = async (kernel: Kernel, clock: ReturnType<typeof manualClock>, member: Member): Promise<string> => {
  clock.advance(MINUTE)
  const first = given(await signInStaff(visitor(kernel), member))
  return given(await confirmSecondFactor(visitor(kernel), { token: first.token, code: codeOf(member.totpSecret, clock.now()) })).token
}

test('a role changes by two people, holds from the next request, and both are on the trail', () =>
  staffed(async (kernel, clock, make) => {
    const [anna, bert, head, clerk] = [
      await make('operator-security'),
      await make('operator-security'),
      await make('manager'),
      await make('clerk'),
    ]
    const token = await signIn(kernel, clock, clerk)
    const ask = { kind: 'role' as const, staffId: clerk.id, role: 'approver' as const, why: '轮岗' }
    const { id } = given(await proposeStaffChange(anna.ctx, ask))
    assert.equal((await findStaff(kernel, 1, token))?.role, 'clerk', 'a proposal changes nothing')
    assert.deepEqual(
      given(await listStaffChanges(head.ctx)).map(c => [c.id, c.role, c.why]),
      [[id, 'approver', '轮岗']],
    )

    assert.equal(codeOfError(await approveStaffChange(anna.ctx, { changeId: id })), 'identity.second_person_needed')
    assert.equal(codeOfError(await approveStaffChange(clerk.ctx, { changeId: id })), 'access.denied')
    assert.equal(codeOfError(await proposeStaffChange(bert.ctx, ask)), 'identity.change_open')
    assert.equal((await findStaff(kernel, 1, token))?.role, 'clerk')
    const both = await Promise.all([approveStaffChange(bert.ctx, { changeId: id }), approveStaffChange(head.ctx, { changeId: id })])
    assert.deepEqual(both.map(codeOfError).sort(), ['identity.change_not_found', 'ok'])
    const now = await findStaff(kernel, 1, token)
    assert.ok(now?.role === 'approver' && now.permissions.has('payments.refund.approve'))
    const types = await eventTypes(kernel)
    for (const type of ['identity.staff_change_proposed', 'identity.staff_change_decided', 'identity.role_changed'])
      assert.ok(types.includes(type), type)
  }))

test('nobody proposes or approves for themselves, not even an administrator another one proposed', () =>
  staffed(async (_kernel, clock, make) => {
    const [anna, bert] = [await make('operator-security'), await make('operator-security')]
    const own = { kind: 'role' as const, staffId: anna.id, role: 'manager' as const, why: 'x' }
    assert.equal(codeOfError(await proposeStaffChange(anna.ctx, own)), 'identity.own_role')
    const { id } = given(await proposeStaffChange(bert.ctx, own))
    assert.equal(codeOfError(await approveStaffChange(anna.ctx, { changeId: id })), 'identity.second_person_needed')
    assert.ok((await declineStaffChange(bert.ctx, { changeId: id })).ok, 'who proposed may take it back')
    const next = given(await proposeStaffChange(bert.ctx, own))
    clock.advance(8 * DAY)
    assert.equal(codeOfError(await approveStaffChange((await make('manager')).ctx, { changeId: next.id })), 'identity.change_not_found')
    assert.ok((await proposeStaffChange(bert.ctx, own)).ok, 'what lapsed makes room')
    for (const [input, code] of [
      [{ ...own, why: ' ' }, 'identity.reason_missing'],
      [{ ...own, role: 'operator-security' as const }, 'identity.same_role'],
      [{ ...own, areaCode: '990101999' }, 'identity.area_unknown'],
      [{ ...own, staffId: 'nobody' }, 'identity.staff_not_found'],
    ] as const)
      assert.equal(codeOfError(await proposeStaffChange(bert.ctx, input)), code)
  }))

test('an approved reset voids the old secrets at once and gives a code that works once, for its account, for a day', () =>
  staffed(async (kernel, clock, make) => {
    const [anna, head, clerk, other] = [await make('operator-security'), await make('manager'), await make('clerk'), await make('clerk')]
    const token = await signIn(kernel, clock, clerk)
    const reset = async () => {
      const { id } = given(await proposeStaffChange(anna.ctx, { kind: 'reset', staffId: clerk.id, why: '手机丢失' }))
      return given(await approveStaffChange(head.ctx, { changeId: id })).enrolmentCode!
    }
    const first = await reset()
    assert.match(first, /^([0-9a-z]{4}-){3}[0-9a-z]{4}$/)
    assert.equal(await findStaff(kernel, 1, token), undefined)
    assert.equal((await signInStaff(visitor(kernel), clerk)).ok, false)

    const code = await reset()
    const who = visitor(kernel)
    const refused = 'identity.enrolment_refused'
    assert.equal(codeOfError(await startEnrolment(who, { username: clerk.username, code: first })), refused, 'a newer code voids the older')
    assert.equal(codeOfError(await startEnrolment(who, { username: other.username, code })), refused)
    assert.equal(codeOfError(await startEnrolment(visitor(kernel, 2), { username: clerk.username, code })), refused)
    const { totpSecret } = given(await startEnrolment(who, { username: clerk.username, code: code.toUpperCase().replaceAll('-', ' ') }))
    const set = (totp: string, password = 'a new long password') => finishEnrolment(who, { username: clerk.username, code, password, totp })
    assert.equal(codeOfError(await set(codeOf(totpSecret, clock.now()), 'short')), 'identity.password_too_short')
    assert.equal(codeOfError(await set('000000')), 'identity.second_factor_refused')
    const right = codeOf(totpSecret, clock.now())
    assert.deepEqual((await Promise.all([set(right), set(right)])).map(codeOfError).sort(), [refused, 'ok'])
    assert.equal(codeOfError(await startEnrolment(who, { username: clerk.username, code })), refused)
    clerk.password = 'a new long password'
    clerk.totpSecret = totpSecret
    assert.ok(await signIn(kernel, clock, clerk))

    const late = await reset()
    clock.advance(DAY)
    assert.equal(codeOfError(await startEnrolment(who, { username: clerk.username, code: late })), refused)
    // When nobody can sign in any more, whoever runs the machine gives the code.
    const rescue = (await resetStaffByOperator(kernel, 1, clerk.username))!
    assert.ok((await startEnrolment(who, { username: clerk.username, code: rescue })).ok)
    assert.equal(await resetStaffByOperator(kernel, 1, 'nobody'), undefined)
    const types = await eventTypes(kernel)
    assert.equal(types.filter(type => type === 'identity.enrolment_issued').length, 4)
    const dump = await kernel.db.read(1, async tx =>
      (await tx.client.query('select e::text as line from identity.enrolment e')).rows.map(r => r.line).join(),
    )
    assert.ok(!dump.includes(code) && !dump.includes(totpSecret))
  }))

test('the own password needs the old one and a fresh code; other sign-ins end and failures lock', () =>
  staffed(async (kernel, clock, make) => {
    const clerk = await make('clerk')
    const [elsewhere, here] = [await signIn(kernel, clock, clerk), await signIn(kernel, clock, clerk)]
    const change = (more: object = {}) => {
      const code = codeOf(clerk.totpSecret, clock.now())
      return changePassword(clerk.ctx, { token: here, password: clerk.password, newPassword: 'another long password', code, ...more })
    }
    assert.equal(codeOfError(await change()), 'identity.second_factor_refused', 'the code of the sign-in was used')
    clock.advance(MINUTE)
    for (const [more, code] of [
      [{ newPassword: 'short' }, 'identity.password_too_short'],
      [{ newPassword: clerk.password }, 'identity.password_unchanged'],
      [{ password: 'not the old password' }, 'identity.credentials_refused'],
    ] as const)
      assert.equal(codeOfError(await change(more)), code)
    assert.ok(await findStaff(kernel, 1, elsewhere))
    assert.deepEqual(await change(), { ok: true, value: { ended: 1 } })
    assert.equal(await findStaff(kernel, 1, elsewhere), undefined)
    assert.ok(await findStaff(kernel, 1, here))
    assert.equal((await signInStaff(visitor(kernel), clerk)).ok, false)
    clerk.password = 'another long password'
    clock.advance(MINUTE)
    for (let i = 0; i < 5; i++) await change({ password: 'wrong wrong wrong' })
    assert.equal(codeOfError(await change({ newPassword: 'a third long password' })), 'identity.credentials_refused', 'locked')
    assert.ok((await eventTypes(kernel)).includes('identity.password_changed'))
  }))

test('members of staff see and end their own sign-ins, and nobody else’s', () =>
  staffed(async (kernel, clock, make) => {
    const [clerk, other] = [await make('clerk'), await make('clerk')]
    const [one, two, three] = [await signIn(kernel, clock, clerk), await signIn(kernel, clock, clerk), await signIn(kernel, clock, clerk)]
    const theirs = await signIn(kernel, clock, other)
    const listed = given(await listOwnSessions(clerk.ctx, three))
    assert.deepEqual(
      listed.map(s => s.isCurrent),
      [true, false, false],
    )
    const foreign = given(await listOwnSessions(other.ctx, theirs))[0]!.id
    assert.equal(codeOfError(await endOwnSessions(clerk.ctx, { id: foreign })), 'identity.session_not_found')
    assert.equal(codeOfError(await endOwnSessions(clerk.ctx, { id: "' or 1=1" })), 'identity.session_not_found')
    assert.deepEqual(await endOwnSessions(clerk.ctx, { id: listed[2]!.id }), { ok: true, value: { ended: 1 } })
    assert.equal(await findStaff(kernel, 1, one), undefined)
    assert.ok(await findStaff(kernel, 1, two))
    assert.deepEqual(await endOwnSessions(clerk.ctx, { allBut: three }), { ok: true, value: { ended: 1 } })
    assert.equal(await findStaff(kernel, 1, two), undefined)
    assert.ok(await findStaff(kernel, 1, three))
    assert.ok(await findStaff(kernel, 1, theirs))
  }))

test('each use case asks for its right', () =>
  staffed(async (kernel, _clock, make) => {
    const nobody = testCtx(kernel, { id: (await make('clerk')).id })
    for (const act of [
      proposeStaffChange(nobody, { kind: 'reset', staffId: nobody.actor.id, why: 'x' }),
      approveStaffChange(nobody, { changeId: nobody.actor.id }),
      declineStaffChange(nobody, { changeId: nobody.actor.id }),
      listStaffChanges(nobody),
      listOwnSessions(nobody, ''),
      endOwnSessions(nobody, { allBut: '' }),
      changePassword(nobody, { token: '', password: '', newPassword: '', code: '' }),
    ])
      assert.equal(codeOfError(await act), 'access.denied')
  }))
