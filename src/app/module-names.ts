/** The modules in rank order: a module may use only those before it, and only through their index.ts. */
export const moduleNames = ['trail', 'identity', 'notify', 'tasks', 'ledger', 'payments', 'billing'] as const
