/** Expected failures are values; bugs are exceptions. */
export interface ErrorCode {
  readonly code: string
  readonly status: number
}

export interface AppError extends ErrorCode {
  readonly params?: Readonly<Record<string, string | number>>
  /** Name of the input field the error belongs to, where there is one. */
  readonly field?: string
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: AppError }

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })

export const fail = (code: ErrorCode, params?: AppError['params'], field?: string): { readonly ok: false; readonly error: AppError } => ({
  ok: false,
  error: { code: code.code, status: code.status, ...(params && { params }), ...(field && { field }) },
})

/** Names a module's errors once: `defineErrors('billing', { bill_already_paid: 409 })`. */
export function defineErrors<const T extends Record<string, number>>(module: string, table: T): { readonly [K in keyof T]: ErrorCode } {
  return Object.fromEntries(Object.entries(table).map(([key, status]) => [key, { code: `${module}.${key}`, status }])) as never
}

/** Carries an expected failure out of a transaction so that it rolls back. */
export class AppFailure extends Error {
  readonly error: AppError
  constructor(error: AppError) {
    super(error.code)
    this.error = error
  }
}

/** Value of a result; inside a transaction the failure rolls everything back. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new AppFailure(result.error)
}

/** Runs `work` and turns a carried failure back into a value. */
export async function catching<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work())
  } catch (error) {
    if (error instanceof AppFailure) return { ok: false, error: error.error }
    throw error
  }
}
