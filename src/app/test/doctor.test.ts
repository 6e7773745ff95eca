import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn, withTestDb } from '#kernel/db/testing.ts'
import { ensureTenant } from '#modules/identity/index.ts'
import { examineTenants } from '../doctor.ts'

test('every tenant is examined, and a fault is found with the tenant that has it', () =>
  withTestDb(async kernel => {
    assert.deepEqual(
      (await examineTenants(kernel.db, [])).map(({ tenant, clean }) => [tenant, clean]),
      [[1, true]],
    )
    await ensureTenant(kernel, { id: 1, code: '990101001', nameZh: '梧桐里街道', nameEn: 'Wutongli', phone: '1' })
    await ensureTenant(kernel, { id: 2, code: '990101002', nameZh: '银杏里街道', nameEn: 'Yinxingli', phone: '2' })
    const examined = async () => (await examineTenants(kernel.db, [])).map(({ tenant, name, clean }) => [tenant, name, clean])
    assert.deepEqual(await examined(), [
      [1, '梧桐里街道 Wutongli', true],
      [2, '银杏里街道 Yinxingli', true],
    ])
    await queryIn(
      kernel,
      `insert into kernel.job (tenant_id, name, failed_at, failures, failure) values (2, 'identity.purge', now(), 1, 'no room')`,
      [],
      2,
    )
    assert.deepEqual(await examined(), [
      [1, '梧桐里街道 Wutongli', true],
      [2, '银杏里街道 Yinxingli', false],
    ])
  }))
