import type { Route } from '#kernel/http/contract.ts'

/** API routes by module, in rank order. Each module adds its own; the OpenAPI document is made from them. */
export const apiRoutes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {}
