"""The floor, and the event of each create in the same statement: what an event costs by itself."""

from benchmarks.peers import floor

floor.INSERT = """
WITH change AS (
    INSERT INTO social_association
        (user_id, provider, ext_id, profile_url, show_in_profile, metadata, created_by,
         created_at, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, now(), now())
    ON CONFLICT DO NOTHING RETURNING user_id, provider, ext_id, created_by
), event AS (
    INSERT INTO social_event
        (type, occurred_at, user_id, provider, ext_id, actor_id, request_id)
    SELECT 'association.created', now(), user_id, provider, ext_id, created_by,
        gen_random_uuid()::text
    FROM change
)
SELECT user_id FROM change
"""

application = floor.application
