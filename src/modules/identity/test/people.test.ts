import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ctx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import type { Result } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import {
  addDevice,
  canActFor,
  changePaper,
  findPerson,
  findPhoneForMessage,
  getPerson,
  importAreas,
  listAreas,
  listDevices,
  listShares,
  listStaff,
  type Masked,
  registerHousehold,
  registerPerson,
  renewDeviceCode,
  revokeDevice,
  revokeShare,
  type ShareScope,
  shareWith,
  signOutEverywhere,
  type Unmasked,
  unmask,
} from '../index.ts'
import { asResident, can, eventTypes, signInResident } from './support.ts'

// Numbers of nobody: the region code 990101 does not exist.
const ZHANG = { name: '张三丰', idNumber: '990101199001011230', phone: '13800001111', areaCode: '990101001001' }
const areas = ['990101001', '990101001001', '990101001002', '990101001001001'].map(code => ({
  code,
  nameZh: `区域${code}`,
  nameEn: `Area ${code}`,
}))
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code)

test('staff find people, and every look leaves an entry', async t => {
  await withTestDb(async kernel => {
    const desk = can(kernel, 'identity.person.read', 'identity.person.write', 'identity.person.unmask', 'identity.area.write')
    const inArea = (area: string): Ctx => ({ ...desk, actor: { ...desk.actor, area } })
    assert.deepEqual(await importAreas(desk, areas), { ok: true, value: 4 })
    assert.deepEqual(
      (await listAreas(desk)).map(a => a.code),
      areas.map(a => a.code).sort(),
    )
    const made = await registerPerson(desk, ZHANG)
    assert.ok(made.ok)
    const { id } = made.value

    await t.test('by telephone, by id number and by id, always masked', async () => {
      const masked = { id, nameMasked: '张**', phoneMasked: '138****1111', idNumberMasked: '990101********1230', areaCode: ZHANG.areaCode }
      const before = (await eventTypes(kernel)).length
      assert.deepEqual(await findPerson(desk, { phone: '138 0000 1111' }), { ok: true, value: masked })
      assert.deepEqual(await findPerson(desk, { idNumber: ZHANG.idNumber }), { ok: true, value: masked })
      assert.deepEqual(await getPerson(desk, id), { ok: true, value: { ...masked, households: [] } })
      assert.deepEqual((await eventTypes(kernel)).slice(before), Array(3).fill('identity.person_read'))
    })

    await t.test('a part of a number finds nothing, and a wrong check digit is told', async () => {
      assert.equal(codeOf(await findPerson(desk, { phone: '1380000' })), 'identity.phone_malformed')
      assert.equal(codeOf(await findPerson(desk, { phone: '13800001112' })), 'identity.person_not_found')
      assert.equal(codeOf(await findPerson(desk, { idNumber: '990101199001011231' })), 'identity.id_number_malformed')
      assert.equal(codeOf(await getPerson(desk, "x' or 1=1 --")), 'identity.person_not_found')
    })

    await t.test('telephone and id number belong to one person', async () => {
      assert.equal(codeOf(await registerPerson(desk, { name: '李四', phone: ZHANG.phone })), 'identity.person_exists')
      assert.equal(codeOf(await registerPerson(desk, { name: '李四', idNumber: ZHANG.idNumber })), 'identity.person_exists')
    })

    await t.test('a person of another area or tenant is not found, and nothing is recorded', async () => {
      const before = await eventTypes(kernel)
      assert.equal(codeOf(await getPerson(inArea('990101001002'), id)), 'identity.person_not_found')
      assert.equal(codeOf(await unmask(inArea('990101001002'), { personId: id, field: 'phone', why: 'x' })), 'identity.person_not_found')
      const elsewhere = testCtx(kernel, { permissions: new Set(['identity.person.read', 'identity.person.unmask']) }, 2)
      assert.equal(codeOf(await getPerson(elsewhere, id)), 'identity.person_not_found')
      assert.equal(codeOf(await findPerson(elsewhere, { phone: ZHANG.phone })), 'identity.person_not_found')
      assert.equal(codeOf(await unmask(elsewhere, { personId: id, field: 'name', why: 'x' })), 'identity.person_not_found')
      assert.deepEqual(await eventTypes(kernel), before)
      assert.ok((await getPerson(inArea('990101001'), id)).ok)
    })

    await t.test('row security hides other tenants even from a query without the condition', async () => {
      const seen = await kernel.db.read(2, tx => tx.rows(sql`select id from identity.person`))
      assert.deepEqual(seen, [])
    })

    await t.test('unmasking gives the plain value for a reason and is one entry', async () => {
      const before = (await eventTypes(kernel)).length
      assert.equal(codeOf(await unmask(desk, { personId: id, field: 'phone', why: '  ' })), 'identity.reason_missing')
      const phone = await unmask(desk, { personId: id, field: 'phone', why: '回访' })
      assert.deepEqual(phone, { ok: true, value: ZHANG.phone })
      assert.deepEqual(await unmask(desk, { personId: id, field: 'id_number', why: '核对证件' }), { ok: true, value: ZHANG.idNumber })
      assert.deepEqual((await eventTypes(kernel)).slice(before), Array(2).fill('identity.person_unmasked'))
    })

    await t.test('a household shows its address up to the first number', async () => {
      const home = await registerHousehold(desk, { address: '青砖一村3幢2单元401', members: [{ personId: id, relation: 'head' }] })
      assert.ok(home.ok)
      const person = await getPerson(desk, id)
      assert.deepEqual(person.ok && person.value.households, [{ id: home.value.id, addressMasked: '青砖一村***', relation: 'head' }])
      const stranger = await registerHousehold(inArea('990101001002'), {
        address: '别处1号',
        members: [{ personId: id, relation: 'other' }],
      })
      assert.equal(codeOf(stranger), 'identity.person_not_found')
    })

    await t.test('a sealed value moved to another row or tenant does not open', async () => {
      const other = await registerPerson(desk, { name: '王五', phone: '13800002222' })
      assert.ok(other.ok)
      await kernel.db.tx(1, tx =>
        tx.run(sql`update identity.person set phone_sealed = (select phone_sealed from identity.person where tenant_id = 1 and id = ${id})
          where tenant_id = 1 and id = ${other.value.id}`),
      )
      await assert.rejects(kernel.db.read(1, tx => findPhoneForMessage(tx, desk, other.value.id)))
      assert.equal(await kernel.db.read(1, tx => findPhoneForMessage(tx, desk, id)), ZHANG.phone)
    })

    await t.test('no name, telephone, id number or address stands in the database in plain', async () => {
      const lines: string[] = []
      await kernel.db.read(1, async tx => {
        for (const name of ['identity.person', 'identity.household', 'identity.quota', 'trail.pending'])
          for (const row of (await tx.client.query(`select t::text as line from ${name} t`)).rows) lines.push(row.line)
      })
      const dump = lines.join('\n')
      assert.ok(dump.includes('张**'))
      for (const secret of [ZHANG.name, ZHANG.phone, ZHANG.idNumber, '3幢2单元401']) assert.ok(!dump.includes(secret), secret)
    })
  })
})

test('families share and take back', async t => {
  const clock = manualClock('2026-03-02T02:00:00Z')
  await withTestDb(
    async kernel => {
      const mother = (await signInResident(kernel, '13800001111')).resident.id
      const son = (await signInResident(kernel, '13800002222')).resident.id
      const can_ = (scope: ShareScope) =>
        kernel.db.read(1, tx => canActFor(tx, asResident(kernel, son), { actorId: son, ownerId: mother, scope }))
      const share = (phone: string, scope?: ShareScope) => shareWith(asResident(kernel, mother), { ownerId: mother, phone, scope })

      await t.test('the other may act until the share is revoked', async () => {
        assert.equal(await can_('see'), false)
        const given = await share('13800002222')
        assert.ok(given.ok)
        assert.deepEqual(await share('13800002222'), given)
        assert.deepEqual([await can_('see'), await can_('pay')], [true, true])
        const list = await listShares(asResident(kernel, son), son)
        assert.ok(list.ok)
        assert.deepEqual(
          list.value.received.map(s => [s.ownerId, s.ownerMasked, s.scope]),
          [[mother, '138****1111', 'pay']],
        )
        assert.ok((await revokeShare(asResident(kernel, son), { shareId: given.value.id })).ok)
        assert.deepEqual([await can_('see'), await can_('pay')], [false, false])
        const types = await eventTypes(kernel)
        assert.deepEqual(
          types.filter(type => type.startsWith('identity.share')),
          ['identity.share_granted', 'identity.share_revoked'],
        )
      })

      await t.test('to see is not to pay', async () => {
        assert.ok((await share('13800002222', 'see')).ok)
        assert.deepEqual([await can_('see'), await can_('pay')], [true, false])
      })

      await t.test('a telephone known or not gets the same answer, oneself is refused, ten at most even at once', async () => {
        assert.equal(codeOf(await share('13800001111')), 'identity.share_with_self')
        const results = await Promise.all(Array.from({ length: 15 }, (_, i) => share(`139000000${10 + i}`)))
        assert.equal(results.filter(r => r.ok).length, 9)
        const list = await listShares(asResident(kernel, mother), mother)
        assert.equal(list.ok && list.value.given.length, 10)
      })

      await t.test('nobody sees, grants or revokes for strangers', async () => {
        const list = await listShares(asResident(kernel, mother), mother)
        assert.ok(list.ok)
        const stranger = asResident(kernel, (await signInResident(kernel, '13700000001')).resident.id)
        assert.equal(codeOf(await listShares(stranger, mother)), 'access.denied')
        assert.equal(codeOf(await shareWith(stranger, { ownerId: mother, phone: '13700000001' })), 'access.denied')
        assert.equal(codeOf(await revokeShare(stranger, { shareId: list.value.given[0]!.id })), 'identity.share_not_found')
        assert.equal(codeOf(await getPerson(stranger, mother)), 'access.denied')
        assert.ok((await getPerson(asResident(kernel, mother), mother)).ok)
      })
    },
    { clock },
  )
})

test('each use case asks for its own right and no other will do', () =>
  withTestDb(async kernel => {
    const id = '00000000-0000-7000-8000-000000000000'
    const cases: [string, (ctx: Ctx) => Promise<Result<unknown>>][] = [
      ['identity.area.write', ctx => importAreas(ctx, areas)],
      ['identity.device.read', ctx => listDevices(ctx)],
      ['identity.device.manage', ctx => addDevice(ctx, { title: '1号机', place: '大厅' })],
      ['identity.device.manage', ctx => renewDeviceCode(ctx, { deviceId: id })],
      ['identity.device.manage', ctx => revokeDevice(ctx, { deviceId: id })],
      ['identity.device.manage', ctx => changePaper(ctx, { deviceId: id })],
      ['identity.person.read', ctx => findPerson(ctx, { phone: ZHANG.phone })],
      ['identity.person.read', ctx => getPerson(ctx, id)],
      ['identity.person.write', ctx => registerPerson(ctx, { name: '张三', phone: ZHANG.phone })],
      ['identity.person.write', ctx => registerHousehold(ctx, { address: '某街1号', members: [] })],
      ['identity.person.unmask', ctx => unmask(ctx, { personId: id, field: 'name', why: 'x' })],
      ['identity.share.manage', ctx => shareWith(ctx, { ownerId: id, phone: ZHANG.phone })],
      ['identity.share.manage', ctx => listShares(ctx, id)],
      ['identity.share.manage', ctx => revokeShare(ctx, { shareId: id })],
      ['identity.staff.read', ctx => listStaff(ctx)],
      ['identity.session.end', ctx => signOutEverywhere(ctx)],
    ]
    const every = new Set(cases.map(([permission]) => permission))
    for (const [permission, call] of cases) {
      const others = [...every].filter(p => p !== permission)
      assert.equal(codeOf(await call(can(kernel, ...others))), 'access.denied', permission)
      assert.equal(codeOf(await call(testCtx(kernel, { kind: 'anonymous' }))), 'access.sign_in_first', permission)
    }
    assert.deepEqual(await eventTypes(kernel), [], 'a refused call changes nothing')
    for (const [permission, call] of cases) assert.doesNotMatch(codeOf(await call(can(kernel, permission))), /^access/, permission)
  }))

test('only a granted value fits where a plain one is asked for', () => {
  const show = (id: Unmasked<'id_number'>): number => id.length
  const list = (name: Masked): number => name.length
  // The compiler is the test: each of these lines must be an error.
  // @ts-expect-error a bare string is no grant
  assert.equal(show('990101199001011230'), 18)
  // @ts-expect-error nor is it a masked value
  assert.equal(list('张三丰'), 3)
  // @ts-expect-error a grant for the telephone opens no id number
  assert.equal(show('13800001111' as Unmasked<'phone'>), 11)
})
