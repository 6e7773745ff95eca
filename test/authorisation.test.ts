import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createHttp } from '#app/http.ts'
import { apiRoutes } from '#app/modules.ts'
import { systemCtx } from '#kernel/context.ts'
import { queryIn, withTestDb } from '#kernel/db/testing.ts'
import { confirmSecondFactor, createStaff, ensureTenant, permissionsOf, roles, signInStaff } from '#modules/identity/index.ts'
import { pay, signInAs } from './abuse/support.ts'
import { withGas } from './support/gas.ts'
import { withProduct } from './support/product.ts'
import { totpCode } from './support/totp.ts'

const PARAMS: Record<string, string> = { orderId: randomUUID(), personId: randomUUID(), code: 'a'.repeat(26) }
const QUERY: Record<string, string> = { '/people': '?phone=13800000000', '/bills': '?q=W2600001' }

/** Every route, every role, made from the contracts: allowed callers are never told 401 or 403, all others always are. */
test('the authorisation matrix: each route answers exactly the roles that hold its permission', { timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    const tenant = { id: 1, name: { 'zh-CN': '梧桐里街道', en: 'Wutongli' }, phone: '1', address: '-' }
    const ctx = systemCtx(kernel, 1, 'test')
    await ensureTenant(kernel, { id: 1, code: '990101001', nameZh: '梧桐里街道', nameEn: 'Wutongli', phone: '1' })
    const server = await createHttp({ kernel, tenant })
    const tokens = new Map<string, string>()
    for (const role of roles) {
      const made = await createStaff(ctx, { username: role, name: role, role, billerId: 'water' })
      assert.ok(made.ok)
      const signed = await signInStaff(ctx, { username: role, password: made.value.password! })
      assert.ok(signed.ok)
      const confirmed = await confirmSecondFactor(ctx, {
        token: signed.value.token,
        code: totpCode(made.value.totpSecret, kernel.clock.now()),
      })
      assert.ok(confirmed.ok)
      tokens.set(role, confirmed.value.token)
    }
    let rows = 0
    for (const { contract } of Object.values(apiRoutes).flatMap(module => Object.values(module))) {
      if (contract.method !== 'GET') continue
      const path = contract.path.replace(
        /:(\w+)/g,
        (_, name: string) => PARAMS[name] ?? assert.fail(`no sample for :${name} of ${contract.path}`),
      )
      for (const role of ['nobody', ...roles] as const) {
        const token = tokens.get(role)
        const answer = await server.inject({
          method: 'GET',
          url: `/api/v1${path}${QUERY[contract.path] ?? ''}`,
          headers: token ? { authorization: `Bearer ${token}` } : {},
        })
        const may = contract.permission === 'public' || (role !== 'nobody' && permissionsOf(role).has(contract.permission))
        assert.equal(
          [401, 403].includes(answer.statusCode),
          !may,
          `${role} ${contract.path}: ${answer.statusCode} ${answer.body.slice(0, 200)}`,
        )
        assert.ok(answer.statusCode < 500, `${role} ${contract.path}: ${answer.statusCode}`)
        rows++
      }
    }
    assert.ok(rows >= 8 * 6)
    await server.close()
  }),
)

/** The same routes by object: staff of a biller reach what is its own; another's answers as one that is not there. */
test('each route with an object answers staff of a biller for its own and 404 for that of another', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const gas = await withGas(product)
    const objects: Record<string, Record<string, string>> = {}
    for (const [biller, from, fen] of [
      ['water', product, 4_321],
      ['gas', gas, 8_765],
    ] as const) {
      const { bill } = await pay(from, fen)
      const { rows } = await queryIn(product.kernel, 'select id from payments."order" where amount_fen = $1', [fen])
      objects[biller] = { orderId: rows[0].id, code: bill }
    }
    const { browser } = await signInAs(product, 'biller', 'gas')
    let asked = 0
    for (const { contract } of Object.values(apiRoutes).flatMap(module => Object.values(module))) {
      const name = /:(\w+)/.exec(contract.path)?.[1]
      if (contract.method !== 'GET' || !name || !(contract.permission === 'public' || permissionsOf('biller').has(contract.permission)))
        continue
      const get = async (biller: string) =>
        (await browser.get(`/api/v1${contract.path.replace(`:${name}`, objects[biller]?.[name] ?? assert.fail(`no sample for :${name}`))}`))
          .status
      assert.deepEqual([await get('gas'), await get('water')], [200, 404], contract.path)
      asked++
    }
    assert.ok(asked >= 2)
  }),
)

test('strict JSON, unknown fields and odd parameters are refused with a stable code', () =>
  withTestDb(async kernel => {
    const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '-', en: '-' }, phone: '1', address: '-' } })
    const post = (body: string) =>
      server.inject({ method: 'POST', url: '/api/v1/staff/sessions', headers: { 'content-type': 'application/json' }, body })
    for (const [body, code] of [
      ['{"username":"a","username":"b","password":"c"}', 'json.duplicate_key'],
      ['{"username":"a","password":"c","role":"manager"}', 'http.invalid_input'],
      ['{"username":1e3,"password":"c"}', 'json.number_form'],
      ['{"username":"\\u0000","password":"c"}', 'json.forbidden_character'],
      ['nonsense', 'json.malformed'],
    ] as const) {
      const answer = await post(body)
      assert.equal(answer.statusCode, 400, body)
      assert.equal(answer.json().code, code)
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    }
    assert.equal((await server.inject({ url: "/api/v1/bills/'%20or%201=1" })).statusCode, 400)
    await server.close()
  }))
