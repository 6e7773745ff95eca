import type { RefundInput, RefundOutcome, RefundQueryOutcome, Refused, Unknown } from '../ports.ts'

/** What a bank says about one debit when it is asked. */
export interface DebitFact {
  readonly result: string
  readonly amountFen: number
  readonly bankNo: string
  readonly at: Date
}

/** A bank that debits by file. Whatever may have reached it without a trustworthy answer is `unknown`. */
export interface DebitBank {
  readonly code: string
  registerMandate(input: { readonly mandateNo: string; readonly card: string; readonly phone: string }): Promise<MandateAnswer>
  queryMandate(mandateNo: string): Promise<MandateAnswer | { readonly kind: 'missing' }>
  endMandate(mandateNo: string): Promise<{ readonly kind: 'ended' } | Unknown>
  /** The same name with the same bytes may be put again. */
  putFile(name: string, bytes: Buffer): Promise<{ readonly kind: 'taken' } | Refused | Unknown>
  listFiles(): Promise<{ readonly kind: 'files'; readonly files: readonly { readonly name: string; readonly sha256: string }[] } | Unknown>
  getFile(name: string): Promise<{ readonly kind: 'file'; readonly bytes: Buffer } | Unknown>
  queryDebit(orderNo: string): Promise<{ readonly kind: 'known'; readonly fact: DebitFact } | { readonly kind: 'missing' } | Unknown>
  refund(input: RefundInput): Promise<RefundOutcome>
  queryRefund(orderNo: string, outRefundNo: string): Promise<RefundQueryOutcome>
}

export type MandateAnswer = { readonly kind: 'active' } | Refused | Unknown

const banks = new Map<number, DebitBank>()

/** The bank that debits for a tenant. */
export const useDebitBank = (tenantId: number, bank: DebitBank): void => {
  banks.set(tenantId, bank)
}

export const findDebitBank = (tenantId: number): DebitBank | undefined => banks.get(tenantId)
