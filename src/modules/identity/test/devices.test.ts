import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import type { Ctx, Kernel } from '#kernel/context.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import type { Result } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import {
  addDevice,
  challengeDevice,
  changePaper,
  type Device,
  endKioskVisit,
  enrolDevice,
  enrolText,
  findDevice,
  findKioskVisit,
  hasPass,
  kioskPayer,
  listDevices,
  noteSlip,
  proofText,
  proveDevice,
  renewDeviceCode,
  revokeDevice,
  startKioskVisit,
  watchDevices,
} from '../index.ts'
import { can, eventTypes, visitor } from './support.ts'

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code)
const given = <T>(result: Result<T>): T => (result.ok ? result.value : assert.fail(result.error.code))
const STATE = JSON.stringify({ page: 'start', version: 'v1', offline_ms: 0, queue: 0 })

/** A machine as its browser makes it: a pair of keys, of which only the public half leaves it. */
function machine(namedCurve = 'P-256') {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
  const signed = (text: string) => sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64')
  return {
    signed,
    answer: (code: string) => ({
      code,
      publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
      signature: signed(enrolText(code)),
    }),
    prove: (ctx: Ctx, device: Device, challenge: string, state = STATE) =>
      proveDevice(ctx, device, { challenge, state, signature: signed(proofText(challenge, state)) }),
  }
}

const manager = (kernel: Kernel, area?: string): Ctx =>
  testCtx(kernel, { permissions: new Set(['identity.device.read', 'identity.device.manage']), ...(area && { area }) })

async function joined(kernel: Kernel, title = '1号机') {
  const added = given(await addDevice(manager(kernel), { title, place: '一楼大厅' }))
  const its = machine()
  const { id, token } = given(await enrolDevice(visitor(kernel), its.answer(added.code)))
  const find = async (): Promise<Device> => (await findDevice(kernel, 1, token)) ?? assert.fail('no device')
  const ctx = testCtx(kernel, { kind: 'device', id })
  return { id, token, its, find, ctx, beat: async () => its.prove(ctx, await find(), challengeDevice(kernel, await find())) }
}

test('a code joins one machine once within ten minutes, and the record holds the fingerprint of its key', () => {
  const clock = manualClock('2026-03-02T02:00:00Z')
  return withTestDb(
    async kernel => {
      const added = given(await addDevice(manager(kernel), { title: ' 1号机 ', place: '一楼大厅' }))
      assert.match(added.code, /^\d{10}$/)
      const its = machine()
      const refused = async (input: Parameters<typeof enrolDevice>[1]) => codeOf(await enrolDevice(visitor(kernel), input))
      assert.equal(await refused(its.answer('0000000000')), 'identity.device_code_refused')
      assert.equal(
        await refused({ ...its.answer(added.code), signature: machine().signed(enrolText(added.code)) }),
        'identity.device_key_refused',
      )
      assert.equal(await refused(machine('P-384').answer(added.code)), 'identity.device_key_refused')
      assert.equal(await refused({ ...its.answer(added.code), publicKey: 'A'.repeat(120) }), 'identity.device_key_refused')
      // Typed in groups, as it is shown.
      const typed = { ...its.answer(added.code), code: added.code.replace(/(\d{3})(\d{3})/, '$1 $2-') }
      const tries = await Promise.all([enrolDevice(visitor(kernel), typed), enrolDevice(visitor(kernel), machine().answer(added.code))])
      assert.deepEqual(tries.map(codeOf).sort(), ['identity.device_code_refused', 'ok'])
      const late = given(await addDevice(manager(kernel), { title: '2号机', place: '' }))
      clock.advance(10 * 60_000)
      assert.equal(await refused(machine().answer(late.code)), 'identity.device_code_refused')
      const [device] = given(await listDevices(manager(kernel)))
      assert.deepEqual([device?.title, /^[0-9a-f]{64}$/.test(device?.fingerprint ?? '')], ['1号机', true])
      assert.deepEqual(await eventTypes(kernel), ['identity.device_added', 'identity.device_enrolled', 'identity.device_added'])
    },
    { clock },
  )
})

test('each challenge is answered once, by the key alone, and opens pages for a minute and a half', () => {
  const clock = manualClock('2026-03-02T02:00:00Z')
  return withTestDb(
    async kernel => {
      const { token, its, find, ctx } = await joined(kernel)
      const device = await find()
      const challenge = challengeDevice(kernel, device)
      // Whoever copied the cookie has the token and no key.
      assert.equal(codeOf(await machine().prove(ctx, device, challenge)), 'identity.device_proof_refused')
      const { pass } = given(await its.prove(ctx, device, challenge))
      assert.ok(hasPass(kernel, device, pass))
      assert.equal(codeOf(await its.prove(ctx, device, challenge)), 'identity.device_proof_refused', 'a second time')
      clock.advance(1)
      const next = challengeDevice(kernel, device)
      for (const state of ['', '{}', STATE.replace('"v1"', '1'), STATE.replace('}', ',"x":1}'), `${STATE}${' '.repeat(500)}`])
        assert.equal(codeOf(await its.prove(ctx, device, next, state)), 'identity.device_proof_refused', state)
      const other = await joined(kernel, '2号机')
      assert.equal(
        codeOf(await other.its.prove(other.ctx, await other.find(), next)),
        'identity.device_proof_refused',
        "another's challenge",
      )
      assert.ok(!hasPass(kernel, await other.find(), pass), "another's pass")
      clock.advance(60_001)
      assert.equal(codeOf(await its.prove(ctx, device, next)), 'identity.device_proof_refused', 'too late')
      clock.advance(30_000)
      assert.ok(!hasPass(kernel, device, pass))
      assert.equal(await findDevice(kernel, 2, token), undefined, 'another tenant')
      assert.deepEqual((await find()).state, JSON.parse(STATE))
    },
    { clock },
  )
})

test('a device taken out of use is out with its next step, and one given a new code goes on until it is used', () =>
  withTestDb(async kernel => {
    const { id, token, its, find, ctx, beat } = await joined(kernel)
    const before = await find()
    const challenge = challengeDevice(kernel, before)
    const renewed = given(await renewDeviceCode(manager(kernel), { deviceId: id }))
    assert.ok(given(await beat()).pass)
    const successor = machine()
    const again = given(await enrolDevice(visitor(kernel), successor.answer(renewed.code)))
    assert.deepEqual([again.id, await findDevice(kernel, 1, token)], [id, undefined])
    assert.equal(codeOf(await its.prove(ctx, before, challenge)), 'identity.device_proof_refused', 'the old key')
    let told = 0
    const stop = kernel.live.listen(`device:${id}`, () => told++)
    assert.equal(codeOf(await revokeDevice(manager(kernel, '990101001002'), { deviceId: 'no' })), 'identity.device_not_found')
    given(await revokeDevice(manager(kernel), { deviceId: id }))
    stop()
    assert.equal(told, 1)
    assert.equal(await findDevice(kernel, 1, again.token), undefined)
    for (const call of [revokeDevice, renewDeviceCode, changePaper])
      assert.equal(codeOf(await call(manager(kernel), { deviceId: id })), 'identity.device_not_found')
  }))

test('silence is told once, and the return once', () => {
  const clock = manualClock('2026-03-02T02:00:00Z')
  return withTestDb(
    async kernel => {
      const { beat } = await joined(kernel)
      const types = async () => (await eventTypes(kernel)).filter(type => /silent|returned/.test(type))
      clock.advance(119_000)
      await watchDevices(kernel, 1)
      assert.deepEqual(await types(), [])
      clock.advance(2_000)
      await Promise.all([watchDevices(kernel, 1), watchDevices(kernel, 1)])
      await watchDevices(kernel, 1)
      assert.deepEqual(await types(), ['identity.device_silent'])
      given(await beat())
      clock.advance(1)
      given(await beat())
      await watchDevices(kernel, 1)
      assert.deepEqual(await types(), ['identity.device_silent', 'identity.device_returned'])
    },
    { clock },
  )
})

test('a kiosk serves one visit at a time, each its own payer, and nothing opens one that ended', () => {
  const clock = manualClock('2026-03-02T02:00:00Z')
  return withTestDb(
    async kernel => {
      const { find, ctx } = await joined(kernel)
      const one = await startKioskVisit(ctx, await find())
      assert.match(one.payer, /^kiosk:[0-9a-f]{32}$/)
      assert.equal(findKioskVisit(kernel, await find(), one.visit), one.payer)
      const two = await startKioskVisit(ctx, await find())
      assert.notEqual(two.payer, one.payer)
      assert.deepEqual([findKioskVisit(kernel, await find(), one.visit), kioskPayer(await find())], [undefined, two.payer])
      await Promise.all([endKioskVisit(ctx, await find(), 'finished'), endKioskVisit(ctx, await find(), 'idle')])
      assert.deepEqual([findKioskVisit(kernel, await find(), two.visit), kioskPayer(await find())], [undefined, undefined])
      assert.equal((await eventTypes(kernel)).filter(type => type === 'identity.kiosk_visit_ended').length, 1)
      const three = await startKioskVisit(ctx, await find())
      clock.advance(20 * 60_000)
      assert.equal(findKioskVisit(kernel, await find(), three.visit), undefined)
    },
    { clock },
  )
})

test('staff of another area see and change nothing of a device, and slips count from the last roll', () =>
  withTestDb(async kernel => {
    const near = manager(kernel, '990101001001')
    const far = manager(kernel, '990101001002')
    const { id, code } = given(await addDevice(near, { title: '1号机', place: '' }))
    assert.deepEqual([given(await listDevices(near)).length, given(await listDevices(far)).length], [1, 0])
    assert.equal(codeOf(await revokeDevice(far, { deviceId: id })), 'identity.device_not_found')
    assert.equal(codeOf(await addDevice(near, { title: ' ', place: '' })), 'identity.device_title')
    assert.equal(codeOf(await addDevice(near, { title: '机'.repeat(41), place: '' })), 'identity.device_title')
    assert.equal(codeOf(await addDevice(near, { title: '机', place: '厅'.repeat(61) })), 'identity.device_place')
    const { token } = given(await enrolDevice(visitor(kernel), machine().answer(code)))
    const device = (await findDevice(kernel, 1, token))!
    await noteSlip(can(kernel), device)
    await noteSlip(can(kernel), device)
    assert.equal((await findDevice(kernel, 1, token))?.slips, 2)
    given(await changePaper(near, { deviceId: id }))
    assert.equal((await findDevice(kernel, 1, token))?.slips, 0)
  }))
