import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Answer } from '#kernel/http/exchange.ts'
import { jsonOf, type SharedSecret, signedExchange } from '#kernel/http/signed.ts'
import type { Clock } from '#kernel/time.ts'
import { FILE_BYTES_MAX } from '../../debit/layout.ts'
import type { DebitBank, MandateAnswer } from '../../debit/ports.ts'
import type { Refused, Unknown } from '../../ports.ts'

export interface DebitBankConfig extends SharedSecret {
  /** Short name of the bank in files and in the books. */
  readonly code: string
}

/** Somebody waits for the answer while a mandate is made. */
const REGISTER_MS_MAX = 4_000

const refusal = z.object({ code: z.string().max(60), message: z.string().max(200).default('') })
const mandate = z.object({ state: z.enum(['ACTIVE', 'ENDED']) })
const listing = z.object({
  files: z.array(z.object({ name: z.string().regex(/^[\w.-]{1,100}$/), sha256: z.string().regex(/^[0-9a-f]{64}$/) })).max(1_000),
})
const debit = z.object({
  result: z.string().regex(/^\d{2}$/),
  amount_fen: z.int().min(0).max(1e12),
  bank_no: z.string().max(24),
  at: z.iso.datetime({ offset: true }),
})
const refund = z.object({
  state: z.enum(['SUCCESS', 'PROCESSING', 'CLOSED']),
  refund_no: z.string().max(64),
  amount_fen: z.int().min(1).max(1e12),
  at: z.iso.datetime({ offset: true }),
})

const lost = (why: string): Unknown => ({ kind: 'unknown', why: why.slice(0, 200) })

/** A definite refusal is a 4xx with a code of the bank's; anything else may have been carried out. */
function refusedBy(answer: Answer): Refused | Unknown {
  if (answer.kind === 'lost') return lost(answer.why)
  const parsed = answer.status >= 400 && answer.status < 500 && answer.status !== 401 ? refusal.safeParse(jsonOf(answer.body)) : undefined
  return parsed?.success ? { kind: 'refused', ...parsed.data } : lost(`status ${answer.status}`)
}

const parsed = <T>(answer: Answer, shape: z.ZodType<T>): T | undefined => {
  if (answer.kind === 'lost' || answer.status !== 200) return undefined
  const read = shape.safeParse(jsonOf(answer.body))
  return read.success ? read.data : undefined
}

const isMissing = (answer: Answer): boolean => answer.kind === 'answer' && answer.status === 404

/** A bank that debits by file: files put and fetched, mandates and questions as JSON, all of it signed with a shared secret. */
export function debitBank(config: DebitBankConfig, clock: Clock): DebitBank {
  const get = (path: string, answer_bytes_max?: number) =>
    signedExchange(config, clock, { method: 'GET', path, ...(answer_bytes_max && { answer_bytes_max }) })
  const post = (path: string, body: object, wait_ms_max?: number) =>
    signedExchange(config, clock, { method: 'POST', path, body: JSON.stringify(body), ...(wait_ms_max && { wait_ms_max }) })
  const standing = (answer: Answer): MandateAnswer => {
    const read = parsed(answer, mandate)
    if (!read) return refusedBy(answer)
    return read.state === 'ACTIVE' ? { kind: 'active' } : { kind: 'refused', code: 'ENDED', message: '' }
  }
  return {
    code: config.code,
    registerMandate: async ({ mandateNo, card, phone }) =>
      standing(await post('/v1/mandates', { mandate_no: mandateNo, card, phone }, REGISTER_MS_MAX)),
    async queryMandate(mandateNo) {
      const answer = await get(`/v1/mandates/${mandateNo}`)
      return isMissing(answer) ? { kind: 'missing' } : standing(answer)
    },
    async endMandate(mandateNo) {
      const answer = await post(`/v1/mandates/${mandateNo}/end`, {})
      return isMissing(answer) || parsed(answer, mandate)?.state === 'ENDED' ? { kind: 'ended' } : lost('not ended')
    },
    async putFile(name, bytes) {
      const body = Buffer.from(bytes)
      const answer = await signedExchange(config, clock, {
        method: 'PUT',
        path: `/v1/files/out/${name}`,
        body,
        type: 'application/octet-stream',
      })
      return answer.kind === 'answer' && (answer.status === 200 || answer.status === 201) ? { kind: 'taken' } : refusedBy(answer)
    },
    async listFiles() {
      const read = parsed(await get('/v1/files/in'), listing)
      return read ? { kind: 'files', files: read.files } : lost('no list of files')
    },
    async getFile(name) {
      const answer = await get(`/v1/files/in/${name}`, 2 * FILE_BYTES_MAX)
      if (answer.kind === 'lost' || answer.status !== 200) return lost('no file')
      // What the bank says it holds; a file cut on the way is fetched again, not judged.
      const digest = answer.headers.get('x-sha256')
      const isWhole = !digest || createHash('sha256').update(answer.body).digest('hex') === digest
      return isWhole ? { kind: 'file', bytes: answer.body } : lost('cut on the way')
    },
    async queryDebit(orderNo) {
      const answer = await get(`/v1/debits/${orderNo}`)
      if (isMissing(answer)) return { kind: 'missing' }
      const read = parsed(answer, debit)
      if (!read) return lost('answer not understood')
      return { kind: 'known', fact: { result: read.result, amountFen: read.amount_fen, bankNo: read.bank_no, at: new Date(read.at) } }
    },
    async refund({ channelTxnNo, outRefundNo, amountFen }) {
      const answer = await post('/v1/refunds', { bank_no: channelTxnNo, refund_no: outRefundNo, amount_fen: amountFen })
      return parsed(answer, refund) ? { kind: 'accepted' } : refusedBy(answer)
    },
    async queryRefund(outTradeNo, outRefundNo) {
      const answer = await get(`/v1/refunds/${outRefundNo}`)
      if (isMissing(answer)) return { kind: 'known', fact: { outTradeNo, outRefundNo, state: 'NOTFOUND' } }
      const read = parsed(answer, refund)
      if (!read) return lost('answer not understood')
      const { state, refund_no, amount_fen, at } = read
      return {
        kind: 'known',
        fact: { outTradeNo, outRefundNo, state, channelRefundNo: refund_no, amountFen: amount_fen, refundedAt: new Date(at) },
      }
    },
  }
}
