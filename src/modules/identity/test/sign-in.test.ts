import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import {
  confirmSecondFactor,
  createStaff,
  disableStaff,
  ensureDemoStaff,
  ensureTenant,
  findResident,
  findStaff,
  finishSignIn,
  listTenants,
  resendCode,
  roles,
  signInStaff,
  signOut,
  startSignIn,
} from '../index.ts'
import { can, codeOf, eventTypes, signInResident, TENANT, visitor } from './support.ts'

const PHONE = '13800001111'
const MINUTE = 60_000
const start = () => manualClock('2026-03-02T02:00:00Z')

test('residents sign in by a code', async t => {
  const clock = start()
  await withTestDb(
    async kernel => {
      const sent: { phone: string; code: string }[] = []
      const send = async (phone: string, code: string) => void sent.push({ phone, code })
      const ctx = visitor(kernel)
      const ask = (phone: string, clientKey = 'c', address = clientKey) => startSignIn(ctx, { phone, clientKey, address, send })

      await t.test('the first sign-in makes the person, the next one finds it again with another token', async () => {
        const first = await signInResident(kernel, PHONE)
        clock.advance(MINUTE)
        const second = await signInResident(kernel, '+86 138-0000-1111')
        assert.equal(first.resident.id, second.resident.id)
        assert.equal(first.resident.nameMasked, '138****1111')
        assert.notEqual(first.token, second.token)
        assert.deepEqual(await findResident(kernel, 1, second.token), second.resident)
      })

      await t.test('with no room left to write, whoever is signed in stays so', async () => {
        const { token, resident } = await signInResident(kernel, '13800009999')
        clock.advance(5 * MINUTE)
        const db = connect(kernel.connections.app, { max: 1, isDiskFull: () => true })
        try {
          assert.deepEqual(await findResident({ ...kernel, db }, 1, token), resident)
        } finally {
          await db.close()
        }
      })

      await t.test('a known and an unknown telephone get answers of the same shape', async () => {
        clock.advance(MINUTE)
        const [known, unknown] = [await ask(PHONE), await ask('13800002222')]
        assert.ok(known.ok && unknown.ok)
        assert.deepEqual(Object.keys(known.value), Object.keys(unknown.value))
        assert.equal(known.value.challenge.length, unknown.value.challenge.length)
        assert.equal(known.value.validMinutes, 5)
      })

      await t.test('a browser that is always new is held back by its address', async () => {
        clock.advance(60 * MINUTE)
        const asked = []
        for (let i = 0; i < 121; i++) asked.push(await ask(`1390000${String(i).padStart(4, '0')}`, `browser ${i}`, '203.0.113.7'))
        assert.deepEqual(
          asked.map(a => a.ok),
          asked.map((_, i) => i < 120),
        )
        assert.ok((await ask('13900009999', 'browser 1', '203.0.113.8')).ok, 'other addresses go on')
      })

      await t.test('a code works once', async () => {
        clock.advance(MINUTE)
        const started = await ask('13800003333')
        assert.ok(started.ok)
        const input = { challenge: started.value.challenge, code: sent.at(-1)!.code }
        assert.ok((await finishSignIn(ctx, input)).ok)
        const again = await finishSignIn(ctx, input)
        assert.equal(!again.ok && again.error.code, 'identity.code_spent')
        assert.equal(!again.ok && again.error.params?.phone, '138****3333')
      })

      await t.test('each wrong code says how many tries are left, the last that a new code is needed', async () => {
        clock.advance(MINUTE)
        const started = await ask('13800003344')
        assert.ok(started.ok)
        const code = sent.at(-1)!.code === '000000' ? '000001' : '000000'
        const told: unknown[] = []
        for (let i = 0; i < 6; i++) {
          const refused = await finishSignIn(ctx, { challenge: started.value.challenge, code })
          assert.ok(!refused.ok)
          assert.equal(refused.error.params?.phone, '138****3344')
          told.push(refused.error.params?.left ?? refused.error.code)
        }
        assert.deepEqual(told, [4, 3, 2, 1, 'identity.code_spent', 'identity.code_spent'])
      })

      await t.test('after five wrong codes the right one is refused, even when guessed in parallel', async () => {
        clock.advance(MINUTE)
        const started = await ask('13800004444')
        assert.ok(started.ok)
        const right = sent.at(-1)!.code
        const wrong = right === '000000' ? '000001' : '000000'
        const guesses = await Promise.all(
          Array.from({ length: 20 }, () => finishSignIn(ctx, { challenge: started.value.challenge, code: wrong })),
        )
        assert.deepEqual(guesses.map(g => !g.ok && g.error.code).sort(), [
          ...Array.from({ length: 16 }, () => 'identity.code_spent'),
          ...Array.from({ length: 4 }, () => 'identity.code_wrong'),
        ])
        assert.equal((await finishSignIn(ctx, { challenge: started.value.challenge, code: right })).ok, false)
        const tries = await kernel.db.read(1, tx =>
          tx.one<{ most: number }>(sql`select max(tries) as most from identity.sms_challenge where tenant_id = 1`),
        )
        assert.equal(tries.most, 5)
      })

      await t.test('a code is over after five minutes', async () => {
        clock.advance(MINUTE)
        const started = await ask('13800005555')
        assert.ok(started.ok)
        clock.advance(5 * MINUTE)
        for (const challenge of [started.value.challenge, 'nothing']) {
          const over = await finishSignIn(ctx, { challenge, code: sent.at(-1)!.code })
          assert.equal(!over.ok && over.error.code, 'identity.code_expired')
        }
      })

      await t.test('a telephone gets one code a minute, also of parallel requests, and five a day', async () => {
        const before = sent.length
        const phone = '13800006666'
        const burst = await Promise.all(Array.from({ length: 10 }, (_, i) => ask(phone, `burst ${i}`)))
        assert.equal(burst.filter(r => r.ok).length, 1)
        for (let i = 0; i < 8; i++) {
          clock.advance(MINUTE)
          await ask(phone, `later ${i}`)
        }
        assert.equal(sent.length - before, 5)
        clock.advance(24 * 60 * MINUTE)
        assert.ok((await ask(phone)).ok)
      })

      await t.test('a client gets twenty codes an hour over all telephones', async () => {
        const results = []
        for (let i = 0; i < 30; i++) results.push(await ask(`1390000${String(i).padStart(4, '0')}`, 'bomber'))
        assert.equal(results.filter(r => r.ok).length, 20)
        const last = results.at(-1)!
        assert.equal(!last.ok && last.error.status, 429)
        assert.equal(!last.ok && last.error.params?.wait_s, 3_600)
      })

      await t.test('a code can be sent again without the telephone', async () => {
        clock.advance(60 * MINUTE)
        const started = await ask('13800007777')
        assert.ok(started.ok)
        clock.advance(MINUTE)
        const again = await resendCode(ctx, { challenge: started.value.challenge, clientKey: 'c', address: 'c', send })
        assert.ok(again.ok)
        assert.equal(sent.at(-1)!.phone, '13800007777')
        assert.equal((await resendCode(ctx, { challenge: 'nothing', clientKey: 'c', address: 'c', send })).ok, false)
        const soon = await resendCode(ctx, { challenge: again.value.challenge, clientKey: 'c', address: 'c', send })
        assert.deepEqual(!soon.ok && soon.error.params, { wait_s: 60, minutes: 1, phone: '138****7777' })
      })

      await t.test('text that is no mobile number is refused and nothing is sent', async () => {
        const before = sent.length
        for (const phone of ['', '12345', '23800001111', "' or 1=1 --", '1380000111１１', '１'.repeat(50)]) {
          const refused = await ask(phone)
          assert.equal(!refused.ok && refused.error.code, 'identity.phone_malformed', phone)
        }
        assert.equal(sent.length, before)
      })

      await t.test('a session ends by signing out, after 30 idle days, and does not count in another tenant', async () => {
        const { token } = await signInResident(kernel, '13800008888')
        assert.equal(await findResident(kernel, 2, token), undefined)
        assert.equal(await findStaff(kernel, 1, token), undefined)
        clock.advance(29 * 24 * 60 * MINUTE)
        assert.ok(await findResident(kernel, 1, token))
        clock.advance(29 * 24 * 60 * MINUTE)
        assert.ok(await findResident(kernel, 1, token))
        clock.advance(31 * 24 * 60 * MINUTE)
        assert.equal(await findResident(kernel, 1, token), undefined)
        const other = await signInResident(kernel, '13800008888')
        await signOut(kernel, 1, other.token)
        assert.equal(await findResident(kernel, 1, other.token), undefined)
      })

      await t.test('no telephone number, code or token stands in the database in plain', async () => {
        const { token } = await signInResident(kernel, '13800009999')
        const dump = await kernel.db.read(1, async tx => {
          const lines: string[] = []
          for (const name of ['person', 'session', 'sms_challenge', 'quota'])
            for (const row of (await tx.client.query(`select t::text as line from identity.${name} t`)).rows) lines.push(row.line)
          return lines.join('\n')
        })
        assert.ok(dump.includes('138****9999'))
        const hex = (text: string) => Buffer.from(text).toString('hex')
        for (const secret of ['13800009999', token]) assert.ok(!dump.includes(secret) && !dump.includes(hex(secret)))
      })
    },
    { clock },
  )
})

test('staff sign in with password and authenticator', async t => {
  const clock = start()
  await withTestDb(
    async kernel => {
      const ctx = visitor(kernel)
      const accounts = await ensureDemoStaff(kernel, 1, 'water')
      const account = (role: string) => accounts.find(a => a.role === role)!
      const signIn = async (role: string) => {
        const a = account(role)
        clock.advance(MINUTE)
        const first = await signInStaff(ctx, a)
        assert.ok(first.ok)
        const second = await confirmSecondFactor(ctx, { token: first.value.token, code: codeOf(a.totpSecret, clock.now()) })
        assert.ok(second.ok)
        return { before: first.value.token, token: second.value.token }
      }

      await t.test('the demonstration has an account for each role, made once', async () => {
        assert.deepEqual(
          accounts.map(a => a.role),
          [...roles],
        )
        assert.equal(new Set(accounts.map(a => a.totpSecret)).size, roles.length)
        assert.deepEqual(await ensureDemoStaff(kernel, 1, 'water'), [])
      })

      await t.test('rights come with the second factor, under a new token', async () => {
        const first = await signInStaff(ctx, account('clerk'))
        assert.ok(first.ok && first.value.needsSecondFactor)
        const half = await findStaff(kernel, 1, first.value.token)
        assert.equal(half?.secondFactorDone, false)
        assert.equal(half?.permissions.size, 0)
        const { before, token } = await signIn('clerk')
        assert.equal(await findStaff(kernel, 1, before), undefined)
        const whole = await findStaff(kernel, 1, token)
        assert.ok(whole?.permissions.has('identity.person.read'))
        assert.equal(await findStaff(kernel, 2, token), undefined)
      })

      await t.test('a code of the authenticator counts once', async () => {
        const a = account('manager')
        clock.advance(MINUTE)
        const code = codeOf(a.totpSecret, clock.now())
        const [one, two] = [await signInStaff(ctx, a), await signInStaff(ctx, a)]
        assert.ok(one.ok && two.ok)
        const both = await Promise.all([one, two].map(s => confirmSecondFactor(ctx, { token: s.value.token, code })))
        assert.equal(both.filter(r => r.ok).length, 1)
      })

      await t.test('unknown, wrong and locked get the same answer; five failures lock for 15 minutes', async () => {
        const a = account('biller')
        const wrong = () => signInStaff(ctx, { username: a.username, password: 'not the password' })
        const unknown = await signInStaff(ctx, { username: 'nobody', password: 'x' })
        const answers = await Promise.all(Array.from({ length: 5 }, wrong))
        const locked = await signInStaff(ctx, a)
        for (const answer of [...answers, locked]) assert.deepEqual(answer, unknown)
        assert.ok((await eventTypes(kernel)).includes('identity.staff_locked'))
        clock.advance(15 * MINUTE)
        assert.ok((await signInStaff(ctx, a)).ok)
      })

      await t.test('guessing the second factor locks too, and a new password check buys no tries', async () => {
        const a = account('operator-system')
        for (let i = 0; i < 5; i++) {
          const s = await signInStaff(ctx, a)
          assert.ok(s.ok, `try ${i}`)
          const right = codeOf(a.totpSecret, clock.now())
          assert.equal((await confirmSecondFactor(ctx, { token: s.value.token, code: right === '123456' ? '654321' : '123456' })).ok, false)
        }
        assert.equal((await signInStaff(ctx, a)).ok, false)
      })

      await t.test('a closed account ends its sessions', async () => {
        const { token } = await signIn('approver')
        const boss = can(kernel, 'identity.staff.manage')
        const id = account('approver').id
        assert.ok((await disableStaff(boss, { staffId: id })).ok)
        assert.equal(await findStaff(kernel, 1, token), undefined)
        assert.equal((await signInStaff(ctx, account('approver'))).ok, false)
      })

      await t.test('half an hour without a request ends the session', async () => {
        const { token } = await signIn('operator-audit')
        clock.advance(29 * MINUTE)
        assert.ok(await findStaff(kernel, 1, token))
        clock.advance(31 * MINUTE)
        assert.equal(await findStaff(kernel, 1, token), undefined)
      })

      await t.test('accounts are made and closed only with the right to it, and nobody closes their own', async () => {
        const input = { username: 'extra', name: '新人', role: 'clerk' as const }
        const refused = await createStaff(can(kernel, 'identity.person.read'), input)
        assert.equal(!refused.ok && refused.error.status, 403)
        const boss = can(kernel, 'identity.staff.manage')
        assert.ok((await createStaff(boss, input)).ok)
        const twice = await createStaff(boss, input)
        assert.equal(!twice.ok && twice.error.code, 'identity.username_taken')
        const weak = await createStaff(boss, { ...input, username: 'weak', password: 'short' })
        assert.equal(!weak.ok && weak.error.code, 'identity.password_too_short')
        const own = await disableStaff(boss, { staffId: boss.actor.id })
        assert.equal(!own.ok && own.error.code, 'identity.own_role')
        assert.equal((await disableStaff(can(kernel), { staffId: input.username })).ok, false)
      })
    },
    { clock },
  )
})

test('tenants are listed with what they are called now', () =>
  withTestDb(async kernel => {
    await ensureTenant(kernel, TENANT)
    await ensureTenant(kernel, { ...TENANT, nameEn: 'Wutongli Sub-district' })
    assert.deepEqual(await listTenants(kernel.db), [{ ...TENANT, nameEn: 'Wutongli Sub-district' }])
  }))
