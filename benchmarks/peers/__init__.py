"""The same work in other stacks, each as small and as good as its documentation teaches.

All of them read `DATABASE_URL` and `JWT_SECRET_KEY` and write the very table that the service's
migrations make. Each verifies the token (HS256, `exp`, `token_type`, its user is the body's),
validates every field and the rule across them, stores one row and answers 201, or 409 when the
pair is taken; each lists a user's associations. What else the contract asks (safe retries, roles,
strict JSON, one error body, the cap, metrics, request ids) only the service does.
"""
