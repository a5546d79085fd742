"""The register: organisations, people, households and their dated facts, each with its source."""
