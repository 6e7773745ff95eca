import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ROLE_PERMISSIONS, readCode, readIdNumber, readPhone, roles } from '../model.ts'
import { hashPassword, isPassword } from '../password.ts'
import { base32, findStep, otpauthUrl, stepOf, totp } from '../totp.ts'

test('one-time codes agree with RFC 6238, appendix B (SHA-1, last six digits)', () => {
  const secret = Buffer.from('12345678901234567890')
  const vectors: [number, string][] = [
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ]
  for (const [second, code] of vectors) assert.equal(totp(secret, stepOf(new Date(second * 1000))), code)
})

test('base 32 agrees with RFC 4648 without padding', () => {
  const vectors = { '': '', f: 'MY', fo: 'MZXQ', foo: 'MZXW6', foob: 'MZXW6YQ', fooba: 'MZXW6YTB', foobar: 'MZXW6YTBOI' }
  for (const [text, coded] of Object.entries(vectors)) assert.equal(base32(Buffer.from(text)), coded)
  assert.equal(otpauthUrl(Buffer.from('foobar'), 'clerk'), 'otpauth://totp/Yimen:clerk?secret=MZXW6YTBOI&issuer=Yimen&digits=6&period=30')
})

test('a code holds for its step and the one on either side, and never at or before the last step used', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      fc.integer({ min: 10, max: 10 ** 8 }),
      fc.integer({ min: -4, max: 4 }),
      (secret, step, off) => {
        const at = new Date(step * 30_000)
        const code = totp(secret, step + off)
        // Two steps of one secret may share a code by chance: only what is found is asserted.
        const found = findStep(secret, code, at, 0)
        if (Math.abs(off) <= 1) assert.ok(found !== undefined && Math.abs(found - step) <= 1)
        if (found !== undefined) assert.equal(totp(secret, found), code)
        assert.equal(findStep(secret, code, at, step + 1), undefined)
      },
    ),
  )
})

test('passwords: the right one opens, another one and no account do not', async () => {
  const stored = await hashPassword('correct horse 电池')
  assert.match(stored, /^argon2id\$19456\$2\$1\$/)
  assert.ok(await isPassword('correct horse 电池', stored))
  assert.equal(await isPassword('correct horse 电', stored), false)
  assert.equal(await isPassword('anything', undefined), false)
  assert.notEqual(await hashPassword('correct horse 电池'), stored)
})

test('telephones are read as people write them', () => {
  for (const text of ['13800001111', '138 0000 1111', '+86 138-0000-1111', '008613800001111', '１３８００００１１１１', '8613800001111'])
    assert.equal(readPhone(text), '13800001111', text)
  fc.assert(fc.property(fc.string({ maxLength: 60 }), text => readPhone(text) === undefined || /^1[3-9]\d{9}$/.test(readPhone(text)!)))
})

test('an id number with one digit changed is refused', () => {
  const good = '990101199001011230'
  assert.equal(readIdNumber(good), good)
  assert.equal(readIdNumber('11010519491231002x'), '11010519491231002X')
  for (let i = 0; i < 17; i++) {
    const digit = String((Number(good[i]) + 1) % 10)
    assert.equal(readIdNumber(good.slice(0, i) + digit + good.slice(i + 1)), undefined, `digit ${i}`)
  }
})

test('codes are read with spaces and full-width digits', () => {
  for (const text of ['123456', ' 123 456 ', '１２３４５６']) assert.equal(readCode(text), '123456')
  for (const text of ['12345', '1234567', 'abcdef', '']) assert.equal(readCode(text), undefined)
})

test('the three operators are kept apart', () => {
  const able = (permission: string) => roles.filter(role => ROLE_PERMISSIONS[role].includes(permission))
  assert.deepEqual(able('identity.staff.manage'), ['operator-security'])
  assert.ok(
    !ROLE_PERMISSIONS['operator-security'].some(
      p => p.startsWith('payments.') || p.startsWith('billing.') || p.startsWith('identity.person'),
    ),
  )
  assert.ok(!ROLE_PERMISSIONS['operator-audit'].some(p => /\.(write|manage|approve|request|unmask|run|work|assign|answer)$/.test(p)))
  assert.deepEqual(able('payments.refund.approve'), ['approver'])
})
