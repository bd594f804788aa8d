-- Whoever writes a route knows which backends it named before: nothing is searched by route.
DROP INDEX backend_references_of_route;
