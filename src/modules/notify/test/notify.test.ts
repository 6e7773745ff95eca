import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Ctx, Kernel } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { finishSignIn, registerPerson, startSignIn } from '#modules/identity/index.ts'
import { type SandboxProcess, startSandbox } from '../../../../sandbox/start.ts'
import {
  listMessages,
  listPreferences,
  type NotifyPort,
  type Outgoing,
  runOutbox,
  type SendInput,
  type SmsConfig,
  send,
  setAddress,
  setPreference,
  signInCodeSender,
  smsGateway,
  useMessenger,
  wechatTemplate,
} from '../index.ts'

const NOON = '2026-03-02T04:00:00Z'
const NIGHT = '2026-03-02T14:00:00Z'
const HOUR = 3_600_000
const PARAMS = { amount: '46.20', order_no: 'o1' }

/** A messenger on this side of the wire that answers as told: for what our own side must do, not for the protocol. */
function recorder(answer: (message: Outgoing, call: number) => Awaited<ReturnType<NotifyPort['send']>> = () => ({ kind: 'sent' })) {
  const calls: Outgoing[] = []
  const port: NotifyPort = {
    async send(message) {
      calls.push(message)
      return answer(message, calls.length)
    },
  }
  return { port, calls }
}

const desk = (kernel: Kernel): Ctx => testCtx(kernel, { permissions: new Set(['identity.person.write']) })
const put = (ctx: Ctx, input: Partial<SendInput> & Pick<SendInput, 'to' | 'dedupeKey'>) =>
  ctx.kernel.db.tx(ctx.tenantId, tx => send(tx, ctx, { topic: 'payments', template: 'refund_done', params: PARAMS, ...input }))

async function addPerson(kernel: Kernel, phone: string): Promise<string> {
  const made = await registerPerson(desk(kernel), { name: '张三', phone })
  assert.ok(made.ok)
  return made.value.id
}

const states = (kernel: Kernel) =>
  kernel.db.read(1, tx =>
    tx.rows<{ state: string; why: string | null; channel: string }>(
      sql`select state, why, channel from notify.message where tenant_id = 1 order by created_at, id`,
    ),
  )

test('one act sends once, also when it is repeated or two workers look at the same time', () =>
  withTestDb(
    async kernel => {
      const { port, calls } = recorder()
      useMessenger(kernel, 'sms', port)
      const personId = await addPerson(kernel, '13800001111')
      const ctx = testCtx(kernel)
      const ids = await Promise.all(Array.from({ length: 8 }, () => put(ctx, { to: { personId }, dedupeKey: 'refund:1' })))
      assert.equal(new Set(ids).size, 1)
      await Promise.all(Array.from({ length: 6 }, () => runOutbox(kernel, 1)))
      assert.deepEqual(
        calls.map(c => [c.to, c.template, c.params.amount, c.outId]),
        [['13800001111', 'refund_done', '46.20', ids[0]]],
      )
    },
    { clock: manualClock(NOON) },
  ))

test('a message of a transaction that rolled back is never sent', () =>
  withTestDb(
    async kernel => {
      const { port, calls } = recorder()
      useMessenger(kernel, 'sms', port)
      const ctx = testCtx(kernel)
      const failing = kernel.db.tx(1, async tx => {
        await send(tx, ctx, { to: { phone: '13800001111' }, topic: 'payments', template: 'refund_done', params: PARAMS, dedupeKey: 'a' })
        throw new Error('no')
      })
      await assert.rejects(failing)
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 0)
    },
    { clock: manualClock(NOON) },
  ))

test('an unknown outcome is asked again under the same number, later each time, and given up after eight tries', async () => {
  const clock = manualClock(NOON)
  await withTestDb(
    async kernel => {
      const { port, calls } = recorder((_m, call) => (call <= 2 ? { kind: 'unknown', why: 'no answer' } : { kind: 'sent' }))
      useMessenger(kernel, 'sms', port)
      const ctx = testCtx(kernel)
      await put(ctx, { to: { phone: '13800001111' }, dedupeKey: 'a' })
      await runOutbox(kernel, 1)
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 1)
      clock.advance(10_000)
      await runOutbox(kernel, 1)
      clock.advance(10_000)
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 2)
      clock.advance(10_000)
      await runOutbox(kernel, 1)
      assert.equal(new Set(calls.map(c => c.outId)).size, 1)
      assert.deepEqual(await states(kernel), [{ state: 'sent', why: null, channel: 'sms' }])

      const never = recorder(() => ({ kind: 'unknown', why: 'no answer' }))
      useMessenger(kernel, 'sms', never.port)
      await put(ctx, { to: { phone: '13800002222' }, dedupeKey: 'b' })
      for (let i = 0; i < 20; i++) {
        await runOutbox(kernel, 1)
        clock.advance(HOUR / 8)
      }
      assert.equal(never.calls.length, 8)
      assert.deepEqual((await states(kernel))[1], { state: 'failed', why: 'outcome unknown: no answer', channel: 'sms' })
    },
    { clock },
  )
})

test('a worker that died with a message in hand leaves it to the next after a minute', async () => {
  const clock = manualClock(NOON)
  await withTestDb(
    async kernel => {
      const dying: NotifyPort = { send: () => Promise.reject(new Error('killed')) }
      useMessenger(kernel, 'sms', dying)
      await put(testCtx(kernel), { to: { phone: '13800001111' }, dedupeKey: 'a' })
      await assert.rejects(runOutbox(kernel, 1))
      const { port, calls } = recorder()
      useMessenger(kernel, 'sms', port)
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 0)
      clock.advance(60_000)
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 1)
    },
    { clock },
  )
})

test('at night only what is urgent goes out; the rest waits for the morning', async () => {
  const clock = manualClock(NIGHT)
  await withTestDb(
    async kernel => {
      const { port, calls } = recorder()
      useMessenger(kernel, 'sms', port)
      const ctx = testCtx(kernel)
      await put(ctx, { to: { phone: '13800001111' }, dedupeKey: 'ordinary' })
      await put(ctx, { to: { phone: '13800002222' }, dedupeKey: 'urgent', urgent: true })
      await runOutbox(kernel, 1)
      assert.deepEqual(
        calls.map(c => c.to),
        ['13800002222'],
      )
      clock.advance(10 * HOUR)
      await runOutbox(kernel, 1)
      assert.deepEqual(
        calls.map(c => c.to),
        ['13800002222', '13800001111'],
      )
    },
    { clock },
  )
})

test('three ordinary messages a day for one person, also at once; the others follow the next morning or not at all', async () => {
  const clock = manualClock(NOON)
  await withTestDb(
    async kernel => {
      const { port, calls } = recorder()
      useMessenger(kernel, 'sms', port)
      const ctx = testCtx(kernel)
      const personId = await addPerson(kernel, '13800001111')
      for (let i = 0; i < 13; i++) await put(ctx, { to: { personId }, dedupeKey: `m${i}` })
      await put(ctx, { to: { personId }, dedupeKey: 'urgent', urgent: true })
      await put(ctx, { to: { phone: '13800009999' }, dedupeKey: 'other' })
      await Promise.all([runOutbox(kernel, 1), runOutbox(kernel, 1)])
      assert.equal(calls.length, 3 + 1 + 1)
      for (let day = 0; day < 5; day++) {
        clock.advance(24 * HOUR)
        await runOutbox(kernel, 1)
      }
      const all = await states(kernel)
      assert.equal(calls.length, 2 + 4 * 3)
      assert.deepEqual(
        all.filter(m => m.state === 'suppressed').map(m => m.why),
        ['stale'],
      )
      assert.equal(all.filter(m => m.state === 'queued').length, 0)
    },
    { clock },
  )
})

test('who said no gets nothing outside, but can still read it; codes come always', () =>
  withTestDb(
    async kernel => {
      const { port, calls } = recorder()
      useMessenger(kernel, 'sms', port)
      const personId = await addPerson(kernel, '13800001111')
      const self = testCtx(kernel, { kind: 'resident', id: personId })
      const ctx = testCtx(kernel)
      await put(ctx, { to: { personId }, dedupeKey: 'before' })
      assert.ok((await setPreference(self, { personId, channel: 'sms', topic: 'payments', optedOut: true })).ok)
      assert.deepEqual(await listPreferences(self, personId), { ok: true, value: [{ channel: 'sms', topic: 'payments', optedOut: true }] })
      await put(ctx, { to: { personId }, dedupeKey: 'after' })
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 0)
      const byChannel = (a: { channel: string }, b: { channel: string }) => (a.channel < b.channel ? 1 : -1)
      assert.deepEqual((await states(kernel)).sort(byChannel), [
        { state: 'suppressed', why: 'opted out', channel: 'sms' },
        { state: 'sent', why: null, channel: 'in_app' },
      ])
      const read = await listMessages(self, { personId })
      assert.ok(read.ok)
      assert.deepEqual(
        read.value.map(m => m.text),
        Array(2).fill('46.20元已原路退回，原付款单号o1。'),
      )
      await put(ctx, {
        to: { personId },
        topic: 'sign_in',
        template: 'sign_in_code',
        params: { code: '123456', minutes: 5 },
        dedupeKey: 'code',
      })
      await runOutbox(kernel, 1)
      assert.equal(calls.length, 1)
      const codes = await setPreference(self, { personId, channel: 'sms', topic: 'sign_in', optedOut: true })
      assert.equal(!codes.ok && codes.error.code, 'notify.topic_unknown')
    },
    { clock: manualClock(NOON) },
  ))

test('nobody reads or changes what is another person’s, and refused calls change nothing', () =>
  withTestDb(async kernel => {
    const personId = await addPerson(kernel, '13800001111')
    const stranger = testCtx(kernel, { kind: 'resident', id: '00000000-0000-7000-8000-000000000000' })
    const staff = testCtx(kernel, { id: '00000000-0000-7000-8000-000000000001', permissions: new Set(['identity.person.read']) })
    for (const ctx of [stranger, staff]) {
      for (const result of [
        await listMessages(ctx, { personId }),
        await listMessages(ctx, { staffId: personId }),
        await listPreferences(ctx, personId),
        await setPreference(ctx, { personId, channel: 'sms', topic: '*', optedOut: true }),
      ])
        assert.equal(!result.ok && result.error.code, 'access.denied')
    }
    const kept = await kernel.db.read(1, tx => tx.rows(sql`select 1 from notify.preference where tenant_id = 1`))
    assert.deepEqual(kept, [])
    const reader = testCtx(kernel, { permissions: new Set(['notify.message.read']) })
    assert.ok((await listMessages(reader, { personId })).ok)
    await put(testCtx(kernel), { to: { phone: '13800001111' }, dedupeKey: 'x' })
    assert.deepEqual(await kernel.db.read(2, tx => tx.rows(sql`select 1 from notify.message`)), [], 'row security hides other tenants')
  }))

let dir: string
let gateway: Record<'sms', SandboxProcess>
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'yimen-notify-'))
  gateway = await startSandbox(['sms'], { keysDir: dir, seed: '1' })
})
after(async () => {
  await gateway.sms.stop()
  rmSync(dir, { recursive: true, force: true })
})
const faults = (body: unknown) =>
  fetch(`${gateway.sms.url}/_control/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const inbox = async (to: string) =>
  ((await (await fetch(`${gateway.sms.url}/_control/messages?to=${to}`)).json()) as { messages: { text: string; kind: string }[] }).messages

test('a resident signs in with the code from the text message', () =>
  withTestDb(async kernel => {
    useMessenger(kernel, 'sms', smsGateway(gateway.sms.config as unknown as SmsConfig, kernel.clock))
    const ctx = testCtx(kernel, { kind: 'anonymous', id: 'b' })
    const started = await startSignIn(ctx, { phone: '13800001111', clientKey: 'b', address: 'b', send: signInCodeSender(ctx) })
    assert.ok(started.ok)
    const [message] = await inbox('13800001111')
    const code = /\d{6}/.exec(message!.text)![0]
    assert.ok((await finishSignIn(ctx, { challenge: started.value.challenge, code })).ok)
    const dump = await kernel.db.read(1, async tx =>
      (await tx.client.query('select t::text as line from notify.message t')).rows.map(r => r.line).join(),
    )
    assert.ok(dump.includes('sign_in_code') && !dump.includes(code) && !dump.includes('13800001111'))
  }))

test('the gateway took it but said busy: the repetition under the same number arrives once', async () => {
  // The gateway checks the real time, so the clock is the real one.
  await withTestDb(async kernel => {
    useMessenger(kernel, 'sms', smsGateway(gateway.sms.config as unknown as SmsConfig, kernel.clock))
    await faults({ fail_after_commit: 1 })
    await put(testCtx(kernel), { to: { phone: '13800002222' }, dedupeKey: 'a', urgent: true })
    await runOutbox(kernel, 1)
    assert.equal((await states(kernel))[0]!.state, 'queued')
    await faults({ fail_after_commit: 0 })
    await kernel.db.tx(1, tx => tx.run(sql`update notify.message set due_at = created_at where tenant_id = 1`))
    await runOutbox(kernel, 1)
    assert.equal((await states(kernel))[0]!.state, 'sent')
    assert.equal((await inbox('13800002222')).length, 1)
  })
})

test('a number the carrier blocks ends as failed and the person asking for a code is told', async () => {
  await withTestDb(async kernel => {
    useMessenger(kernel, 'sms', smsGateway(gateway.sms.config as unknown as SmsConfig, kernel.clock))
    await faults({ reject: 1 })
    const ctx = testCtx(kernel, { kind: 'anonymous', id: 'b' })
    const started = await startSignIn(ctx, { phone: '13800003333', clientKey: 'b', address: 'b', send: signInCodeSender(ctx) })
    await faults({ reject: 0 })
    assert.equal(!started.ok && started.error.code, 'identity.code_not_sent')
    assert.deepEqual(await states(kernel), [{ state: 'failed', why: 'number_blocked', channel: 'sms' }])
  })
})

test('a gateway that does not know our key leaves the message waiting', async () => {
  await withTestDb(async kernel => {
    const config = gateway.sms.config as unknown as SmsConfig
    useMessenger(kernel, 'sms', smsGateway({ ...config, secret: 'wrong' }, kernel.clock))
    await put(testCtx(kernel), { to: { phone: '13800004444' }, dedupeKey: 'a', urgent: true })
    await runOutbox(kernel, 1)
    assert.deepEqual(await states(kernel), [{ state: 'queued', why: 'status 401', channel: 'sms' }])
  })
})

test('WeChat comes before the text message where an open id is known', async () => {
  await withTestDb(async kernel => {
    const accessToken = async () => 'token'
    useMessenger(kernel, 'wechat', wechatTemplate({ baseUrl: gateway.sms.url, accessToken, templateIds: { refund_done: 'tmpl-1' } }))
    const personId = await addPerson(kernel, '13800001111')
    const ctx = testCtx(kernel)
    await kernel.db.tx(1, tx => setAddress(tx, ctx, { personId, channel: 'wechat', address: 'openid-7' }))
    await put(ctx, { to: { personId }, dedupeKey: 'a', urgent: true })
    await put(ctx, {
      to: { personId },
      dedupeKey: 'b',
      template: 'bill_due_soon',
      topic: 'bills',
      params: { service: '水费', days: 3, amount: '1' },
      urgent: true,
    })
    await runOutbox(kernel, 1)
    assert.deepEqual(await states(kernel), [
      { state: 'sent', why: null, channel: 'wechat' },
      { state: 'failed', why: 'no template', channel: 'wechat' },
    ])
    assert.deepEqual(
      (await inbox('openid-7')).map(m => m.kind),
      ['wechat'],
    )
  })
})
