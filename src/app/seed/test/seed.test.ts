import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { listBindings } from '#modules/billing/index.ts'
import { findPerson, listAreas } from '#modules/identity/index.ts'
import { residentPhone } from '../households.ts'
import { printBills, seedTown } from '../index.ts'

test('the small town holds every biller, adds up, and gives the printed example', async () => {
  await withTestDb(
    async kernel => {
      const seeded = await seedTown(kernel, 1, { size: 'small', seed: 'test' })
      assert.equal(seeded.households, 60)
      const rows = await kernel.db.read(1, tx =>
        tx.rows<{ biller: string; bills: number; wrong: number; settled: number }>(sql`
          select biller_id as biller, count(*)::int as bills, count(*) filter (where settled_before)::int as settled,
            count(*) filter (where amount_fen <> (select sum((l->>'amount_fen')::bigint) from jsonb_array_elements(lines) l))::int as wrong
          from billing.bill where tenant_id = 1 group by biller_id order by 1`),
      )
      assert.deepEqual(
        rows.map(r => r.biller),
        ['gas', 'heating', 'power', 'property', 'telecom', 'water'],
      )
      for (const row of rows) {
        assert.ok(row.bills > 20, `${row.biller}: ${row.bills}`)
        assert.ok(row.settled > row.bills / 5 && row.settled < row.bills, `${row.biller}: ${row.settled} of ${row.bills}`)
        assert.equal(row.wrong, 0)
      }
      const areas = await listAreas(systemCtx(kernel, 1, 'test'))
      assert.deepEqual(
        [9, 12, 15].map(digits => areas.filter(area => area.code.length === digits).length),
        [1, 12, 96],
      )
      const codes = new Set(areas.map(area => area.code))
      for (const { code } of areas) if (code.length > 9) assert.ok(codes.has(code.slice(0, -3)), `${code} has no parent`)
      const homes = await kernel.db.read(1, tx =>
        tx.rows<{ area: string; mask: string; heads: number }>(sql`
          select h.area_code as area, h.address_mask as mask, count(m.person_id)::int as heads from identity.household h
          left join identity.household_member m on m.tenant_id = h.tenant_id and m.household_id = h.id and m.relation = 'head'
          where h.tenant_id = 1 group by h.id, h.area_code, h.address_mask`),
      )
      assert.equal(homes.length, 60)
      for (const home of homes) assert.ok(codes.has(home.area) && home.area.length === 15 && home.heads === 1, JSON.stringify(home))
      const example = homes.filter(home => home.mask.startsWith('青砖一村')).map(home => home.area.slice(0, 12))
      assert.deepEqual([...new Set(example)], ['990101001002'], 'an estate lies in its community')
      const [first] = await printBills(kernel, 1, 5)
      assert.equal(first?.amountFen, 7_920)
      assert.equal(first?.addressMask, '青砖一村***')
      const past = () =>
        kernel.db.read(1, tx =>
          tx.one<{ n: number; accounts: number; last: string; fen: number }>(sql`
            select count(*)::int as n, count(distinct account_no)::int as accounts, max(paid_on) as last, min(amount_fen)::int as fen
            from billing.past_payment where tenant_id = 1`),
        )
      const before = await past()
      assert.equal(before.n, before.accounts * 6, 'a year of water, two months at a time')
      assert.ok(before.last < '2025-12-01' && before.fen > 0, JSON.stringify(before))
      const again = await seedTown(kernel, 1, { size: 'small', seed: 'test' })
      assert.equal(again.bills, 0)
      assert.deepEqual(await past(), before)
      const { n } = await kernel.db.read(1, tx =>
        tx.one<{ n: number }>(sql`select count(*)::int as n from identity.household where tenant_id = 1`),
      )
      assert.equal(n, 60, 'nobody moves in twice')
    },
    { clock: manualClock('2026-11-22T10:00:00+08:00') },
  )
})

test('a resident of the town can be searched for by the printed telephone and keeps the accounts of the own home', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    for (let times = 0; times < 2; times++) await seedTown(kernel, 1, { size: 'small', seed: 'test', day: '2026-11-20' })
    const found = await findPerson(ctx, { phone: residentPhone('test') })
    assert.ok(found.ok)
    const kept = await listBindings(ctx, [`resident:${found.value.id}`])
    assert.deepEqual(kept.map(account => account.billerId).sort(), ['gas', 'heating', 'power', 'property', 'telecom', 'water'])
    const [printed] = await printBills(kernel, 1, 1)
    assert.ok(
      kept.some(account => account.accountNo === printed?.accountNo),
      'the bill to pay is of that home',
    )
    assert.notEqual(residentPhone('test'), residentPhone('other'))
  }))
