import { defineErrors, fail, ok, type Result } from './result.ts'

export const moneyErrors = defineErrors('money', { not_an_amount: 400, too_large: 400 })

/** Largest amount accepted anywhere: ten thousand million yuan. */
export const FEN_MAX = 10 ** 12

/** 104620 -> '1,046.20'. Exact for every safe integer. */
export function formatYuan(fen: number): string {
  if (!Number.isSafeInteger(fen)) throw new RangeError(`not an amount in fen: ${fen}`)
  const digits = String(Math.abs(fen)).padStart(3, '0')
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${fen < 0 ? '-' : ''}${whole}.${digits.slice(-2)}`
}

/** '1046.2', '1,046.20' and full-width digits -> 104620 fen. Signs, exponents and more than two decimals are refused. */
export function parseYuan(text: string): Result<number> {
  // Only the full-width forms: wider folding would read ² and ① as digits.
  const plain = text.replace(/[０-９，．]/g, letter => String.fromCharCode(letter.charCodeAt(0) - 0xfee0)).trim()
  const match = /^(\d{1,3}(?:,\d{3})+|\d{1,13})(?:\.(\d{1,2}))?$/.exec(plain)
  if (!match) return fail(moneyErrors.not_an_amount, { text: text.slice(0, 40) })
  const fen = Number(match[1]!.replaceAll(',', '')) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  return fen > FEN_MAX ? fail(moneyErrors.too_large, { text: text.slice(0, 40) }) : ok(fen)
}

/** Rounds half away from zero to whole fen: `quantity_e3 * price_e4` style products come in as exact integers. */
export function divideHalfUp(numerator: bigint, divisor: bigint): bigint {
  const sign = numerator < 0n ? -1n : 1n
  const n = numerator * sign
  return (sign * (n * 2n + divisor)) / (divisor * 2n)
}

/** Divides fen by weights; the parts sum to the whole, and each is less than a fen off its share. Weights are not negative. */
export function splitFen(fen: number, weights: readonly number[]): number[] {
  const sum = BigInt(weights.reduce((total, weight) => total + weight, 0))
  let weighed = 0n
  let given = 0n
  return weights.map(weight => {
    weighed += BigInt(weight)
    const part = (sum === 0n ? 0n : (BigInt(fen) * weighed) / sum) - given
    given += part
    return Number(part)
  })
}
